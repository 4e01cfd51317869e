#include "common/run/checkpoint_keeper.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/captured_outbox.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using testing_support::CapturedOutbox;

constexpr RoleAddress kLearner{RoleKind::kLearner, 0};
constexpr RoleAddress Host(std::uint16_t index) { return {RoleKind::kStudentHost, index}; }

/// Two student hosts: models 1 and 3 live on the first, model 2 on the second.
class CheckpointKeeperTest : public ::testing::Test {
 protected:
  CheckpointKeeperTest() : keeper_(2, {0, 1, 0}) {}

  std::uint64_t Begin(Time now) {
    out_.envelopes.clear();
    keeper_.Begin(now, kCoordinatorAddress, out_);
    EXPECT_EQ(out_.envelopes.size(), 2U) << "the students";
    return DecodeBody<CheckpointRequest>(out_.envelopes.at(0)).id;
  }
  /// The learner's answer, where it has been asked.
  ::testing::AssertionResult Teacher(std::uint64_t id, Time now, std::uint8_t mark = 10) {
    keeper_.AskLearnerWhenDue(now, kCoordinatorAddress, out_);
    if (!keeper_.AwaitsLearner()) return ::testing::AssertionFailure() << "not asked yet";
    keeper_.OnPart({id, 500, 16000, {{0, {mark}}}}, kLearner, now);
    return ::testing::AssertionSuccess();
  }

  CheckpointKeeper keeper_;
  CapturedOutbox out_;
};

TEST_F(CheckpointKeeperTest, AsksTheLearnerOnceTheStudentsHaveAnsweredAndIsCompleteWithIt) {
  const auto id = Begin(1s);
  keeper_.OnPart({id, 400, 0, {{1, {11}}, {3, {13}}}}, Host(0), 1s);
  EXPECT_FALSE(Teacher(id, 1s));
  keeper_.OnPart({id, 400, 0, {{2, {12}}}}, Host(1), 2s);
  EXPECT_FALSE(keeper_.Take(2s));
  ASSERT_TRUE(Teacher(id, 2s));
  const auto collected = keeper_.Take(2s);
  ASSERT_TRUE(collected);
  EXPECT_EQ(collected->updates, 500U);
  EXPECT_EQ(collected->samples, 16000U);
  EXPECT_EQ(collected->models.size(), 4U);
  EXPECT_EQ(collected->models.at(3), (std::vector<std::uint8_t>{13}));
  EXPECT_TRUE(collected->reused.empty());
  EXPECT_FALSE(keeper_.Collecting());
  EXPECT_FALSE(keeper_.Take(2s));
}

TEST_F(CheckpointKeeperTest, ReusesTheLastPartOfAStoppedStudentAfterTenSecondsAndKnowsItsAge) {
  auto id = Begin(0s);
  keeper_.OnPart({id, 1, 0, {{1, {11}}, {3, {13}}}}, Host(0), 0s);
  keeper_.OnPart({id, 1, 0, {{2, {12}}}}, Host(1), 0s);
  ASSERT_TRUE(Teacher(id, 0s));
  ASSERT_TRUE(keeper_.Take(0s));

  id = Begin(100s);
  keeper_.OnPart({id, 2, 0, {{1, {21}}, {3, {23}}}}, Host(0), 100s);
  EXPECT_FALSE(Teacher(id, 109s, 20));
  ASSERT_TRUE(Teacher(id, 110s, 20));
  const auto collected = keeper_.Take(110s);
  ASSERT_TRUE(collected);
  EXPECT_EQ(collected->models.at(0), (std::vector<std::uint8_t>{20})) << "as of now";
  EXPECT_EQ(collected->models.at(2), (std::vector<std::uint8_t>{12}));
  EXPECT_EQ(collected->reused, (std::map<std::uint16_t, Time>{{2, Time(110s)}}));
}

TEST_F(CheckpointKeeperTest, LeavesOutAStudentThatHasNeverAnswered) {
  const auto id = Begin(0s);
  ASSERT_TRUE(Teacher(id, 10s));
  const auto collected = keeper_.Take(10s);
  ASSERT_TRUE(collected);
  EXPECT_EQ(collected->missing, (std::vector<std::uint16_t>{1, 2, 3}));
  EXPECT_EQ(collected->models.size(), 1U);
}

TEST_F(CheckpointKeeperTest, WaitsForTheTeacher) {
  Begin(0s);
  keeper_.AskLearnerWhenDue(10s, kCoordinatorAddress, out_);
  EXPECT_FALSE(keeper_.Take(1000s));
  EXPECT_TRUE(keeper_.AwaitsLearner());
}

TEST_F(CheckpointKeeperTest, KeepsALateAnswerForTheNextTimeButDoesNotTakeItForAnAnswerToThatOne) {
  const auto first = Begin(0s);
  ASSERT_TRUE(Teacher(first, 10s));
  ASSERT_TRUE(keeper_.Take(10s));
  const auto second = Begin(50s);
  keeper_.OnPart({first, 1, 0, {{2, {12}}}}, Host(1), 51s);
  keeper_.OnPart({second, 1, 0, {{1, {11}}, {3, {13}}}}, Host(0), 51s);
  EXPECT_FALSE(Teacher(second, 51s));
  ASSERT_TRUE(Teacher(second, 60s));
  const auto collected = keeper_.Take(60s);
  ASSERT_TRUE(collected);
  EXPECT_EQ(collected->models.at(2), (std::vector<std::uint8_t>{12}));
  EXPECT_EQ(collected->reused.at(2), Time(9s));
}

TEST_F(CheckpointKeeperTest, StartsFromThePartsThatTheRunWasResumedFrom) {
  keeper_.Remember({{0, {1}}, {1, {2}}}, 5s);
  const auto id = Begin(6s);
  ASSERT_TRUE(Teacher(id, 16s, 7));
  const auto collected = keeper_.Take(16s);
  ASSERT_TRUE(collected);
  EXPECT_EQ(collected->models.at(0), (std::vector<std::uint8_t>{7}));
  EXPECT_EQ(collected->models.at(1), (std::vector<std::uint8_t>{2}));
  EXPECT_EQ(collected->reused.at(1), Time(11s));
  EXPECT_EQ(collected->missing, (std::vector<std::uint16_t>{2, 3}));
}

TEST_F(CheckpointKeeperTest, RefusesAPartOfSomebodyElsesModel) {
  const auto id = Begin(0s);
  EXPECT_THROW(keeper_.OnPart({id, 1, 0, {{1, {1}}}}, Host(1), 0s), WireError);
  EXPECT_THROW(keeper_.OnPart({id, 1, 0, {{0, {1}}}}, Host(0), 0s), WireError);
  EXPECT_THROW(keeper_.OnPart({id, 1, 0, {{4, {1}}}}, Host(0), 0s), WireError);
}

TEST_F(CheckpointKeeperTest, DoesNotWaitForADeadStudentHostAndUsesItsLastParts) {
  auto id = Begin(0s);
  keeper_.OnPart({id, 1, 0, {{1, {1}}, {3, {3}}}}, Host(0), 0s);
  keeper_.OnPart({id, 1, 0, {{2, {2}}}}, Host(1), 0s);
  ASSERT_TRUE(Teacher(id, 0s));
  ASSERT_TRUE(keeper_.Take(0s));
  // It dies while it is waited for, and is not asked the next time.
  id = Begin(20s);
  keeper_.OnPart({id, 2, 0, {{1, {11}}, {3, {13}}}}, Host(0), 20s);
  EXPECT_FALSE(Teacher(id, 20s));
  keeper_.OnDown(Host(1));
  ASSERT_TRUE(Teacher(id, 20s));
  const auto collected = keeper_.Take(20s);
  ASSERT_TRUE(collected);
  EXPECT_EQ(collected->models.at(2), (std::vector<std::uint8_t>{2}));
  EXPECT_EQ(collected->reused.at(2), Time(20s));
  out_.envelopes.clear();
  keeper_.Begin(40s, kCoordinatorAddress, out_);
  ASSERT_EQ(out_.envelopes.size(), 1U);
  EXPECT_EQ(out_.envelopes[0].to, Host(0));
}

}  // namespace
}  // namespace stillhouse
