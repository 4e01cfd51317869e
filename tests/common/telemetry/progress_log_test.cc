#include "common/telemetry/progress_log.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stillhouse {
namespace {

using testing::HasSubstr;
using testing::Not;

ProgressRecord Sample() {
  ProgressRecord record;
  record.elapsed_s = 65;
  record.frames = 123456;
  record.frames_per_s = 5100;
  record.updates = 12000;
  record.students = {{.name = "small", .updates = 11990, .agreement = 0.95}};
  record.ranks = {{.rank = 0,
                   .role = "coordinator+learner",
                   .host = "n1",
                   .pid = 9,
                   .busy = 0.98,
                   .rss_bytes = 1 << 28}};
  return record;
}

TEST(ProgressJsonTest, HasEveryFieldThatReadersRelyOn) {
  const auto json = nlohmann::json::parse(ProgressJson(Sample()));
  for (const char* field : {"attempt", "time", "elapsed_s", "frames", "episodes", "frames_per_s",
                            "updates", "updates_per_s", "samples_per_s", "samples_per_insert",
                            "replay_size", "replay_bytes", "loss", "q_mean", "grad_norm",
                            "epsilon_mean", "weights_version", "actors_alive", "return_mean"}) {
    EXPECT_TRUE(json.contains(field) && json[field].is_number()) << field;
  }
  EXPECT_TRUE(json["weights_lag_p99"].is_number());
  for (const char* field :
       {"updates", "updates_per_s", "loss", "agreement", "lag_updates", "dropped_batches"}) {
    EXPECT_TRUE(json["students"]["small"][field].is_number()) << field;
  }
  ASSERT_EQ(json["ranks"].size(), 1U);
  const auto& rank = json["ranks"][0];
  EXPECT_EQ(rank["rank"], 0);
  EXPECT_EQ(rank["role"], "coordinator+learner");
  EXPECT_EQ(rank["host"], "n1");
  EXPECT_EQ(rank["pid"], 9);
  EXPECT_EQ(rank["rss_bytes"], 1 << 28);
  EXPECT_DOUBLE_EQ(rank["busy"], 0.98);
}

TEST(ProgressJsonTest, ChangesOfAStudentAreThereWhenThereAreAny) {
  ProgressRecord record = Sample();
  EXPECT_FALSE(
      nlohmann::json::parse(ProgressJson(record))["students"]["small"].contains("changes"));
  record.students[0].changes = {{"0", "head"}, {0.5F, 1}, {{"teacher", {2, 3}, {0.25F, -1}}}};
  const auto json = nlohmann::json::parse(ProgressJson(record))["students"]["small"]["changes"];
  EXPECT_EQ(json["layers"], (std::vector<std::string>{"0", "head"}));
  EXPECT_EQ(json["change"][1], 1.0);
  EXPECT_EQ(json["parts"]["teacher"]["norm"][1], 3.0);
  EXPECT_EQ(json["parts"]["teacher"]["cosine"][0], 0.25);
}

TEST(ProgressJsonTest, IsOneLineAndAnObjectOfStudentsEvenWithoutAny) {
  const std::string text = ProgressJson(ProgressRecord{});
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_TRUE(nlohmann::json::parse(text)["students"].is_object());
  EXPECT_TRUE(nlohmann::json::parse(text)["ranks"].is_array());
}

TEST(ProgressJsonTest, WritesZeroForWhatIsNotFinite) {
  ProgressRecord record = Sample();
  record.loss = std::numeric_limits<double>::quiet_NaN();
  record.return_mean = -std::numeric_limits<double>::infinity();
  record.students[0].loss = std::numeric_limits<double>::quiet_NaN();
  const auto json = nlohmann::json::parse(ProgressJson(record));
  EXPECT_EQ(json["loss"], 0.0);
  EXPECT_EQ(json["return_mean"], 0.0);
  EXPECT_EQ(json["students"]["small"]["loss"], 0.0);
}

TEST(ProgressJsonTest, SurvivesNamesThatAreNotUtf8) {
  ProgressRecord record = Sample();
  record.ranks[0].host = "\xff\xfe";
  EXPECT_TRUE(nlohmann::json::accept(ProgressJson(record)));
}

TEST(ProgressLineTest, IsQuietAboutStudentsThatKeepUp) {
  const std::string line = ProgressLine(Sample());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_THAT(line, HasSubstr("frames 123k (5.10k/s)"));
  EXPECT_THAT(line, HasSubstr("small 12.0k"));
  EXPECT_THAT(line, Not(HasSubstr("LAGS")));
  EXPECT_THAT(line, Not(HasSubstr("DROPS")));
  EXPECT_THAT(line, Not(HasSubstr("wait")));
}

TEST(ProgressLineTest, ShowsWhoLagsDropsAndIsSilent) {
  ProgressRecord record = Sample();
  record.students[0].lag_updates = 450;
  record.students[0].dropped_now = 12;
  record.students[0].dropped_batches = 88;
  record.students[0].silent_s = 11;
  const std::string line = ProgressLine(record);
  EXPECT_THAT(line, HasSubstr("LAGS 450"));
  EXPECT_THAT(line, HasSubstr("DROPS 12 (of 88)"));
  EXPECT_THAT(line, HasSubstr("SILENT 11.0s"));
}

TEST(ProgressLineTest, ShowsWhoWaitsAndWhatWasRestarted) {
  ProgressRecord record = Sample();
  record.learner_waits = true;
  record.workers_restarted = 2;
  EXPECT_THAT(ProgressLine(record), HasSubstr("learner waits for actors"));
  EXPECT_THAT(ProgressLine(record), HasSubstr("(2 restarted)"));
  record.actors_wait = true;
  EXPECT_THAT(ProgressLine(record), HasSubstr("actors wait for the learner"));
}

TEST(ShortCountTest, KeepsThreePlaces) {
  EXPECT_EQ(ShortCount(0), "0");
  EXPECT_EQ(ShortCount(999), "999");
  EXPECT_EQ(ShortCount(999.7), "1.00k");
  EXPECT_EQ(ShortCount(1234567), "1.23M");
  EXPECT_EQ(ShortCount(12345), "12.3k");
  EXPECT_EQ(ShortCount(123456), "123k");
  EXPECT_EQ(ShortCount(-1500), "-1.50k");
}

TEST(ShortTimeTest, ChangesItsUnit) {
  EXPECT_EQ(ShortTime(12.34), "12.3s");
  EXPECT_EQ(ShortTime(185), "3m05s");
  EXPECT_EQ(ShortTime(3725), "1h02m");
}

}  // namespace
}  // namespace stillhouse
