// Learning from what is stored: a teacher and students without anybody playing, a student that
// begins when its teacher has ended, a network that begins with another one's weights.

#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "common/run/atomic_file.h"
#include "tests/support/command.h"
#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using testing_support::Command;
using testing_support::RunningJob;
using testing_support::ScratchDirectory;
using testing_support::Stillhouse;

const std::string kSmoke = STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml";

std::vector<std::string> Deterministic(const std::vector<std::string>& settings) {
  std::vector<std::string> arguments = {kSmoke};
  for (const std::string& setting :
       {std::string("run.deterministic=true"), std::string("checkpoint.every=off"),
        std::string("evaluation.every=1000 updates")}) {
    arguments.insert(arguments.end(), {"--set", setting});
  }
  for (const auto& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
  return arguments;
}

json LastLine(const fs::path& run) {
  const std::string text = ReadFile(run / "progress.jsonl");
  const auto end = text.find_last_not_of('\n');
  const auto begin = text.rfind('\n', end);
  return json::parse(text.substr(begin + 1, end - begin));
}

/// A run whose experience is kept, shared by the tests.
class OfflineTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    source_ = new RunningJob(0, Deterministic({"stop={frames: 6000}", "replay.min_size=500"}));
    ASSERT_EQ(source_->Wait(120s), 0) << source_->Output();
  }
  static void TearDownTestSuite() {
    delete source_;
    source_ = nullptr;
  }
  static std::string Source() { return (source_->Directory() / "run").string(); }

  /// Status of `stillhouse COMMAND` with a run directory of its own.
  int Run(const std::string& command, const std::vector<std::string>& settings,
          const std::vector<std::string>& more = {}) {
    return RunIn(Directory(), command, settings, more);
  }
  int RunIn(const fs::path& directory, const std::string& command,
            const std::vector<std::string>& settings, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {command};
    for (const auto& argument : Deterministic(settings)) arguments.push_back(argument);
    arguments.insert(arguments.end(), {"--run-dir", directory.string()});
    arguments.insert(arguments.end(), more.begin(), more.end());
    Command running(Stillhouse(arguments));
    const auto status = running.Wait(120s);
    output_ = running.Output();
    return status.value_or(-1);
  }
  /// A copy of the source's store whose segments end behind their headers.
  std::string WithoutTransitions() const {
    const fs::path copy = scratch_.Path() / "empty";
    fs::copy(fs::path(Source()) / "replay", copy, fs::copy_options::recursive);
    for (const auto& entry : fs::recursive_directory_iterator(copy)) {
      if (entry.path().extension() != ".seg") continue;
      const std::string bytes = ReadFile(entry.path());
      std::uint32_t header_bytes = 0;  // behind "SHSG" and the format
      std::memcpy(&header_bytes, bytes.data() + 6, sizeof(header_bytes));
      fs::resize_file(entry.path(), header_bytes);
    }
    return copy.string();
  }
  fs::path Directory() const { return scratch_.Path() / "run"; }
  json Board() const { return json::parse(ReadFile(Directory() / "scoreboard.json")); }
  std::string Log() const { return ReadFile(Directory() / "progress.log"); }

  static RunningJob* source_;
  ScratchDirectory scratch_;
  std::string output_;
};
RunningJob* OfflineTest::source_ = nullptr;

TEST_F(OfflineTest, StudentsAreDistilledFromStoredExperienceAndAFrozenTeacher) {
  ASSERT_EQ(Run("distill", {"stop={updates: 600}"}, {"--teacher", Source(), "--replay", Source()}),
            0)
      << output_;
  const json line = LastLine(Directory());
  EXPECT_EQ(line["frames"], LastLine(Source())["frames"]) << "nobody has played";
  EXPECT_EQ(line["updates"], 0);
  EXPECT_GE(line["students"]["small"]["updates"].get<int>(), 600);
  EXPECT_LT(line["students"]["small"]["updates"].get<int>(), 800);
  EXPECT_GT(line["students"]["small"]["agreement"].get<double>(), 0.6);
  const json before = source_->Json("scoreboard.json");
  EXPECT_EQ(Board()["models"]["teacher"]["return_mean"], before["models"]["teacher"]["return_mean"])
      << "the same teacher on the same seeds";
  EXPECT_THAT(Log(), HasSubstr("stop.updates"));
  EXPECT_EQ(Board()["models"].size(), 3U);
}

TEST_F(OfflineTest, WithoutAStoredReplayTheFrozenTeacherFillsTheStore) {
  ASSERT_EQ(Run("distill", {"stop={updates: 300}", "replay.durability=none"},
                {"--teacher", Source() + ":teacher"}),
            0)
      << output_;
  EXPECT_GE(LastLine(Directory())["frames"].get<int>(), 500);
  EXPECT_GE(LastLine(Directory())["students"]["tiny"]["updates"].get<int>(), 300);
}

TEST_F(OfflineTest, R3ATeacherLearnsFromStoredExperienceAlone) {
  ASSERT_EQ(Run("train", {"stop={updates: 800}", "replay.from=" + Source(), "run.seed=9"}), 0)
      << output_;
  const json line = LastLine(Directory());
  EXPECT_EQ(line["frames"], LastLine(Source())["frames"]);
  EXPECT_GE(line["updates"].get<int>(), 800);
  EXPECT_GT(line["loss"].get<double>(), 0);
  EXPECT_GT(line["students"]["small"]["updates"].get<int>(), 0);
}

TEST_F(OfflineTest, W1AStudentBeginsWhenItsTeacherHasEndedAndStopsAtAPlateau) {
  ASSERT_EQ(Run("train", {"stop={frames: 4000, distill_tail: 10, plateau: 400}",
                          "students.small.when=after"}),
            0)
      << output_;
  EXPECT_THAT(Log(), HasSubstr("small has 0 updates"));
  EXPECT_THAT(Log(), HasSubstr("no agreement has risen for 400 updates"));
  const json students = LastLine(Directory())["students"];
  EXPECT_GT(students["small"]["updates"].get<int>(), 400);
  EXPECT_GT(students["tiny"]["updates"].get<int>(), students["small"]["updates"].get<int>());
}

TEST_F(OfflineTest, R7ANetworkBeginsWithTheLayersThatFit) {
  ASSERT_EQ(Run("train", {"teacher.init=" + Source(), "students.small.init=" + Source() + ":tiny",
                          "students.tiny.init=" + Source() + ":tiny", "stop={frames: 1000}"}),
            2)
      << output_;
  EXPECT_THAT(output_, HasSubstr("students.small.init"));
  EXPECT_THAT(output_, HasSubstr("no layer of"));
  ASSERT_EQ(Run("train", {"teacher.init=" + Source(), "env.id=classic/mountain_car", "students={}",
                          "teacher.network={layers: [{linear: 32}, relu, {linear: 8}, "
                          "relu, {q_head: {dueling: true}}]}",
                          "stop={frames: 1000}"}),
            2)
      << output_;
  ASSERT_EQ(Run("train", {"teacher.init=" + Source(), "students.tiny.init=" + Source() + ":tiny",
                          "stop={frames: 600}", "run.seed=3"}),
            0)
      << output_;
  EXPECT_THAT(Log(), HasSubstr("teacher.init: layers 0, value, advantage of"));
  EXPECT_THAT(Log(), HasSubstr("students.tiny.init: layers 0, head of"));
}

/// The parameters of a model's file, without its version and checksum (docs/formats.md).
std::string WeightsIn(const fs::path& file) {
  const std::string bytes = ReadFile(file);
  const std::size_t begin = bytes.find("SHPB") + 32;
  return bytes.substr(begin, bytes.size() - begin - 4);
}

/// A job of minatar/several, `games` of it, on the observation that experts of each have.
std::vector<std::string> OfGames(const std::string& games) {
  return {"env={id: minatar/several, options: {games: " + games + ", channels: 7}}",
          "teacher.network={layers: [{conv2d: {filters: 2, kernel: 3}}, relu, flatten, "
          "{linear: 16}, relu, q_head]}",
          "evaluation={every: 1000 updates, episodes: 2, final_episodes: 6, max_steps: 100}",
          "students={}", "stop={frames: 2000, distill_tail: 0.2}"};
}

TEST_F(OfflineTest, R7AStudentOfTwoGamesLearnsFromAnExpertOfEach) {
  const auto expert = [&](const std::string& game) { return scratch_.Path() / ("of_" + game); };
  for (const std::string game : {"breakout", "freeway"}) {
    ASSERT_EQ(RunIn(expert(game), "train", OfGames("[" + game + "]")), 0) << output_;
  }
  const std::string network =
      "network: {layers: [{conv2d: {filters: 2, kernel: 3}}, relu, flatten, {linear: 16}, relu, "
      "q_head]}";
  const auto job = [&](const std::string& games) {
    auto settings = OfGames(games);
    for (const std::string game : {"breakout", "freeway"}) {
      settings.push_back("teachers." + game + "={" + network +
                         ", algorithm: {kind: frozen}, init: " + expert(game).string() + "}");
    }
    settings.push_back("students={mimic: {" + network +
                       ", from: {breakout: {where: breakout}, freeway: {where: freeway}}, loss: "
                       "{temperature: 0.1}}}");
    settings.push_back("actors.policy=mimic");
    return settings;
  };
  const std::string both = "[breakout, freeway]";
  ASSERT_EQ(Run("train", job(both)), 0) << output_;
  const json students = LastLine(Directory())["students"];
  EXPECT_GT(students["mimic"]["updates"].get<int>(), 300);
  EXPECT_GT(students["mimic"]["loss"].get<double>(), 0);
  EXPECT_GT(students["mimic"]["agreement"].get<double>(), 0.3) << "by chance: a sixth";
  EXPECT_THAT(Log(), HasSubstr("students.breakout.init: layers 0, 3, head of"));
  for (const std::string game : {"breakout", "freeway"}) {
    EXPECT_EQ(students[game]["updates"], 0);
    EXPECT_TRUE(WeightsIn(Directory() / "models" / (game + ".native")) ==
                WeightsIn(expert(game) / "models" / "teacher.native"))
        << "the expert of " << game << " stays as it was";
  }
  EXPECT_EQ(Board()["models"].size(), 4U);

  auto wider = job(both);
  wider[0] = "env={id: minatar/several, options: {games: [breakout, freeway], channels: 8}}";
  EXPECT_EQ(RunIn(scratch_.Path() / "wider", "train", wider), 2);
  EXPECT_THAT(output_, HasSubstr("students.breakout.init"));
  EXPECT_THAT(output_, HasSubstr("a frozen model learns nothing, and these of its layers"));
  EXPECT_EQ(RunIn(scratch_.Path() / "alone", "train", job("[breakout]")), 2);
  EXPECT_THAT(output_, HasSubstr("students.mimic.from.freeway.where: unknown context 'freeway'"));
}

TEST_F(OfflineTest, WhatDoesNotFitIsSaidBeforeAnythingStarts) {
  EXPECT_EQ(Run("distill", {"stop={updates: 10}"}), 2);
  EXPECT_THAT(output_, HasSubstr("teacher.init"));
  // Another number of actions: its head would stay as random as it began.
  EXPECT_EQ(
      Run("distill", {"stop={updates: 10}", "env.id=classic/acrobot"}, {"--teacher", Source()}), 2);
  EXPECT_EQ(Run("distill",
                {"stop={updates: 10}",
                 "teacher.network={layers: [{linear: 32}, relu, {q_head: {dueling: false}}]}"},
                {"--teacher", Source()}),
            2);
  EXPECT_THAT(output_, HasSubstr("a frozen model learns nothing, and these of its layers"));
  EXPECT_EQ(Run("distill", {"stop={frames: 10}"}, {"--teacher", Source()}), 2);
  EXPECT_THAT(output_, HasSubstr("stop.frames"));
  EXPECT_EQ(Run("train", {"stop={updates: 10}", "replay.from=" + Source(), "replay.shards=1"}), 2);
  EXPECT_THAT(output_, HasSubstr("written by 2 shards, and replay.shards is 1"));
  EXPECT_EQ(Run("train", {"stop={updates: 10}", "replay.from=" + scratch_.Path().string()}), 2);
  EXPECT_THAT(output_, HasSubstr("no segments"));
  EXPECT_EQ(Run("train", {"stop={updates: 10}", "replay.from=" + Source(), "replay.n_step=1"}), 2);
  EXPECT_EQ(Run("train", {"stop={updates: 10}", "replay.from=" + WithoutTransitions()}), 2);
  EXPECT_THAT(output_, HasSubstr("hold no transition"));
  EXPECT_FALSE(fs::exists(Directory()));
}

}  // namespace
}  // namespace stillhouse
