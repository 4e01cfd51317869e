#include "common/run/coordinator.h"

#include "tests/common/run/coordinator_fixture.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;

TEST_F(CoordinatorTest, GrantsInsertsAtOnceAndSamplesOnlyFromTheMinimumSizeOn) {
  Tick();
  EXPECT_TRUE(out_.To<SampleGrant>(kLearner).empty());
  // (S + tolerance) / s + m = 80 / 8 + 100 items in all, half for each shard.
  ASSERT_EQ(out_.To<InsertGrant>(Shard(0)).size(), 1U);
  EXPECT_EQ(out_.To<InsertGrant>(Shard(0))[0].allowance, 55U);
  EXPECT_EQ(out_.To<InsertGrant>(Shard(1))[0].allowance, 55U);
  ReportShards(52);
  Tick();
  // s (I - m) + tolerance = 8 * 4 + 80
  ASSERT_EQ(out_.To<SampleGrant>(kLearner).size(), 1U);
  EXPECT_EQ(out_.To<SampleGrant>(kLearner)[0].allowance, 112U);
}

TEST_F(CoordinatorTest, InsertAllowancesOfAllShardsAddUpToTheStoresHoweverUnevenReportsAre) {
  ShardReport fast;
  fast.totals.inserted = 70;
  Say(Shard(0), fast);
  Tick();
  const auto first = out_.To<InsertGrant>(Shard(0)).back().allowance;
  const auto second = out_.To<InsertGrant>(Shard(1)).back().allowance;
  EXPECT_LE(first + second, 110U);
  EXPECT_GT(first, 70U);
}

TEST_F(CoordinatorTest, WhatOneShardHasNotUsedIsNotGrantedToAnotherAsWell) {
  Tick();
  ShardReport fast;
  fast.totals.inserted = 55;
  Say(Shard(0), fast);
  Tick();
  const auto first = out_.To<InsertGrant>(Shard(0)).back().allowance;
  const auto second = out_.To<InsertGrant>(Shard(1)).back().allowance;
  EXPECT_LE(first + second, 110U);
}

TEST_F(CoordinatorTest, WorkersAreSentToTheShardsOnceAllAreKnown) {
  Say(Shard(1), Endpoint{"b:2"});
  EXPECT_TRUE(out_.To<EndpointTable>(kActors).empty());
  Say(Shard(0), Endpoint{"a:1"});
  const auto tables = out_.To<EndpointTable>(kActors);
  ASSERT_EQ(tables.size(), 1U);
  EXPECT_EQ(tables[0].addresses, (std::vector<std::string>{"a:1", "b:2"}));
  EXPECT_EQ(tables[0].token, "secret");
  EXPECT_EQ(recorder_.endpoints, tables[0].addresses);
}

TEST_F(CoordinatorTest, ARunGoesThroughItsPhasesAndEndsWithTheFrozenTeachersScoreboard) {
  ReportShards(10);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Scores().random_return == 1.0; }));
  ReportShards(500);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Phase() == RunPhase::kTail; }));
  // The live teacher is pinned before it is frozen: the requests leave in this order.
  std::vector<MessageKind> to_learner;
  for (const auto& envelope : out_.envelopes) {
    if (envelope.to == kLearner &&
        (envelope.kind == MessageKind::kPinRequest || envelope.kind == MessageKind::kFreeze)) {
      to_learner.push_back(envelope.kind);
    }
  }
  ASSERT_EQ(to_learner, (std::vector<MessageKind>{MessageKind::kPinRequest, MessageKind::kFreeze}));
  EXPECT_TRUE(out_.To<Freeze>(kStudent).empty());
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Phase() == RunPhase::kFinal; }));
  EXPECT_EQ(out_.To<Freeze>(kStudent).size(), 1U);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_FALSE(coordinator_.Result().failed);
  EXPECT_TRUE(coordinator_.Result().unanswered.empty());
  EXPECT_EQ(recorder_.finals, (std::vector<std::uint16_t>{0, 1}));
  const Scoreboard& board = recorder_.boards.back();
  EXPECT_EQ(board.models[0].returns.episodes, 6U);
  EXPECT_DOUBLE_EQ(board.models[1].retention, 1.0);
  EXPECT_TRUE(board.models[1].teacher_qualified);
}

TEST_F(CoordinatorTest, AStudentThatDoesNotAnswerIsNamedAndLeftOut) {
  ReportShards(10);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Scores().random_return == 1.0; }));
  ReportShards(500);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Phase() == RunPhase::kTail; }));
  answer_freeze_ = false;
  const Time tail_began = now_;
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Phase() == RunPhase::kFinal; }));
  EXPECT_LT(now_ - tail_began, Time(15s));
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_FALSE(coordinator_.Result().failed);
  EXPECT_NE(coordinator_.Result().reason.find("small"), std::string::npos);
}

TEST_F(CoordinatorTest, ARestartedWorkerIsSaidOnce) {
  Say(kActors, HostReport{1, 0});
  EXPECT_EQ(recorder_.notes.find("started again"), std::string::npos);
  Say(kActors, HostReport{1, 1});
  Say(kActors, HostReport{1, 1});
  const auto first = recorder_.notes.find("started again (1 so far)");
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(recorder_.notes.find("started again", first + 1), std::string::npos);
}

TEST_F(CoordinatorTest, AFailureEndsTheRunInOrder) {
  ReportShards(10);
  Say(kLearner, Failure{"loss is not finite"});
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_TRUE(coordinator_.Result().failed);
  EXPECT_EQ(coordinator_.Result().reason, "loss is not finite");
}

TEST_F(CoordinatorTest, ARoleThatNeverLeavesIsNamedAfterTheTimeout) {
  Say(kLearner, Failure{"over"});
  for (int turn = 0; turn < 150 && !coordinator_.Finished(); ++turn) {
    Tick();
    now_ += 100ms;
  }
  ASSERT_TRUE(coordinator_.Finished());
  EXPECT_EQ(coordinator_.Result().unanswered.size(), 5U);
}

TEST_F(CoordinatorTest, ARankThatIsStoppedAgainWhileItIsToLeaveIsContinuedAgain) {
  RankReport student;
  student.rank = 3;
  Say(kStudent, student);
  Say(kLearner, Failure{"over"});
  for (int turn = 0; turn < 25; ++turn) {
    Tick();
    now_ += 100ms;
  }
  EXPECT_EQ(recorder_.continued, (std::vector<std::uint32_t>{3, 3, 3})) << "once a second";
}

TEST_F(CoordinatorTest, MessagesThatMakeNoSenseAreRefused) {
  EXPECT_THROW(Say(Shard(9), ShardReport{}), WireError);
  EXPECT_THROW(Say(kStudent, SampleGrant{}), WireError);
  StudentReport report;
  report.students.push_back({9, 0, 0, 0, 0});
  EXPECT_THROW(Say(kStudent, report), WireError);
}

}  // namespace
}  // namespace stillhouse
