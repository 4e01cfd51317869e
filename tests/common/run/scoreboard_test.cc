#include "common/run/scoreboard.h"

#include <algorithm>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace stillhouse {
namespace {

using testing::HasSubstr;
using testing::Not;

Scoreboard Sample() {
  Scoreboard board;
  board.updates = 1000;
  board.frames = 8000;
  board.random_return = 1;
  ModelScore teacher;
  teacher.name = "teacher";
  teacher.kind = ModelScore::Kind::kTeacher;
  teacher.returns = {.episodes = 1000, .mean = 11, .iqm = 10, .ci95 = {10, 12}};
  teacher.parameters = 100000;
  ModelScore student;
  student.name = "small";
  student.returns = {.episodes = 1000, .mean = 6, .iqm = 5, .ci95 = {5.5, 6.5}};
  student.parameters = 25000;
  student.on_teacher_states.agreement = 0.9;
  board.models = {teacher, student};
  return board;
}

TEST(ScoreboardTest, SaysWhatASourceContributes) {
  Scoreboard board = Sample();
  board.models[1].contributions = {
      {"second", "one", {.difference = 2.5, .difference_ci95 = {1, 4}, .improvement = 0.6}}};
  const auto json = nlohmann::json::parse(ScoreboardJson(board))["models"];
  const auto second = json["small"]["contributions"]["second"];
  EXPECT_EQ(second["without"], "one");
  EXPECT_EQ(second["difference"], 2.5);
  EXPECT_EQ(second["difference_ci95"], nlohmann::json({1, 4}));
  EXPECT_EQ(second["probability_of_improvement"], 0.6);
  EXPECT_TRUE(json["teacher"]["contributions"].empty());
  EXPECT_THAT(ScoreboardTable(board),
              HasSubstr("small owes 2.50 [1.00, 4.00] to second, without which it is one"));
}

TEST(ScoreboardTest, RetentionIsAgainstTheFrozenTeacherAndTheLiveOneBeside) {
  Scoreboard board = Sample();
  const ReturnStatistics frozen{.episodes = 10, .mean = 21, .iqm = 21, .ci95 = {20, 22}};
  FillRetention(board, frozen, board.models[0].returns);
  EXPECT_DOUBLE_EQ(board.models[1].retention, 0.25);
  EXPECT_DOUBLE_EQ(board.models[1].retention_current, 0.5);
  EXPECT_TRUE(board.models[1].teacher_qualified);
}

TEST(ScoreboardTest, ATeacherNoBetterThanRandomQualifiesNobody) {
  Scoreboard board = Sample();
  board.random_return = 10.5;
  FillRetention(board, board.models[0].returns, board.models[0].returns);
  EXPECT_FALSE(board.models[1].teacher_qualified);
  EXPECT_THAT(ScoreboardTable(board), HasSubstr("retention means little"));
}

TEST(ScoreboardJsonTest, HasEveryFieldThatReadersRelyOn) {
  Scoreboard board = Sample();
  board.models[1].on_teacher_states.kl = std::numeric_limits<double>::quiet_NaN();
  const auto json = nlohmann::json::parse(ScoreboardJson(board));
  EXPECT_EQ(json["updates"], 1000);
  EXPECT_EQ(json["frames"], 8000);
  EXPECT_EQ(json["random_return"], 1.0);
  const auto& student = json["models"]["small"];
  EXPECT_EQ(student["kind"], "student");
  EXPECT_EQ(json["models"]["teacher"]["kind"], "teacher");
  EXPECT_EQ(student["return_ci95"], (nlohmann::json{5.5, 6.5}));
  EXPECT_TRUE(student["teacher_qualified"].is_boolean());
  for (const char* field :
       {"return_mean", "return_iqm", "episodes", "retention", "retention_current", "agreement",
        "regret", "kl", "return_worst5", "difference", "probability_of_improvement", "parameters",
        "bytes", "macs", "latency_us"}) {
    EXPECT_TRUE(student.contains(field) && student[field].is_number()) << field;
  }
}

TEST(ScoreboardJsonTest, SaysHowFaithfulAModelIsOnThreeKindsOfStates) {
  Scoreboard board = Sample();
  board.models[1].on_own_states = {.states = 7, .agreement = 0.5, .gap_agreement = 0.75};
  board.models[1].replay_agreement = 0.8;
  board.models[1].against_teacher.improvement_ci95 = {0.25, 0.5};
  const auto json = nlohmann::json::parse(ScoreboardJson(board));
  const auto& small = json["models"]["small"];
  EXPECT_EQ(small["fidelity"]["teacher_states"]["agreement"], 0.9);
  EXPECT_EQ(small["fidelity"]["own_states"]["states"], 7);
  EXPECT_EQ(small["fidelity"]["own_states"]["gap_agreement"], 0.75);
  EXPECT_EQ(small["fidelity"]["replay_states"]["agreement"], 0.8);
  EXPECT_EQ(small["probability_of_improvement_ci95"], (nlohmann::json{0.25, 0.5}));
}

TEST(ScoreboardTableTest, ShowsEveryModelAndItsShareOfTheTeacher) {
  Scoreboard board = Sample();
  FillRetention(board, board.models[0].returns, board.models[0].returns);
  const std::string table = ScoreboardTable(board);
  EXPECT_THAT(table, HasSubstr("25.0%"));
  EXPECT_THAT(table, HasSubstr("6.00 [5.50, 6.50]"));
  EXPECT_THAT(table, HasSubstr("0.900"));
  EXPECT_THAT(table, Not(HasSubstr("retention means little")));
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 4);
}

}  // namespace
}  // namespace stillhouse
