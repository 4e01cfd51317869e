#include <algorithm>

#include "tests/common/run/coordinator_fixture.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;

class CoordinatorDeathsTest : public CoordinatorTest {
 protected:
  using CoordinatorTest::CoordinatorTest;
  void Die(std::uint32_t rank, std::vector<RoleAddress> roles) {
    Say(kCoordinatorAddress, RankDown{rank, "box", "its process is gone", std::move(roles)});
  }
  void Listen() {
    Say(Shard(0), Endpoint{"a:1"});
    Say(Shard(1), Endpoint{"a:2"});
  }
  bool Noted(const std::string& text) const {
    return recorder_.notes.find(text) != std::string::npos;
  }
  std::uint64_t LastGrant(std::uint16_t shard) const {
    const auto grants = out_.To<InsertGrant>(Shard(shard));
    return grants.empty() ? 0 : grants.back().allowance;
  }
};

TEST_F(CoordinatorDeathsTest, ADeadShardIsCountedAndTrainingGoesOnWithTheOthers) {
  Listen();
  ReportShards(50);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Scores().random_return == 1.0; }));
  out_.Clear();
  Die(3, {Shard(1)});
  EXPECT_TRUE(
      Noted("rank 3 (shard 1, box) died: 50 transitions lost; training goes on with 1 of 2"))
      << recorder_.notes;
  // Everyone who lives hears of it, and workers through the status.
  for (const auto role : {kLearner, kStudent, Shard(0), kActors}) {
    EXPECT_EQ(out_.To<RankDown>(role).size(), 1U) << role.ToString();
    ASSERT_FALSE(out_.To<RunStatus>(role).empty());
    EXPECT_EQ(out_.To<RunStatus>(role).back().dead_shards, std::vector<std::uint16_t>{1});
  }
  EXPECT_TRUE(out_.To<RankDown>(Shard(1)).empty());
  // The run ends as ever, says what it lost, and waits for no word of the dead.
  ShardReport report;
  report.totals.inserted = report.totals.size = report.frames = 950;
  report.home_workers = {77};
  Say(Shard(0), report);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_EQ(recorder_.progress.back().frames, 1000U) << "what it inserted still counts";
  EXPECT_EQ(recorder_.progress.back().replay_size, 950U) << "what it held does not";
  EXPECT_FALSE(coordinator_.Result().failed);
  EXPECT_TRUE(coordinator_.Result().unanswered.empty());
  EXPECT_NE(coordinator_.Result().reason.find("50 transitions lost"), std::string::npos);
}

TEST_F(CoordinatorDeathsTest, WhatTheDeadShardWasGrantedGoesToTheOthers) {
  Listen();
  ReportShards(0);
  Tick();
  // 100 to fill the store and 80 / 8 of tolerance: 55 each.
  EXPECT_EQ(LastGrant(0) + LastGrant(1), 110U);
  ReportShards(20);
  Die(3, {Shard(1)});
  Tick();
  EXPECT_EQ(LastGrant(0), 90U) << "110 less the 20 that the dead one has stored";
  // A report that was under way changes nothing.
  ShardReport late;
  late.totals.inserted = late.totals.size = late.frames = 40;
  Say(Shard(1), late);
  now_ += 1s;
  Tick();
  EXPECT_EQ(LastGrant(0), 90U);
}

TEST_F(CoordinatorDeathsTest, ADeadStudentHostIsNamedAtTheEndAndWaitedForNowhere) {
  Listen();
  ReportShards(50);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Scores().random_return == 1.0; }));
  Die(2, {kStudent});
  out_.Clear();
  const Time before = now_;
  ReportShards(1000);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_LT(now_ - before, Time(8s)) << "neither the pin's nor the freeze's time-out";
  EXPECT_FALSE(coordinator_.Result().failed);
  EXPECT_NE(coordinator_.Result().reason.find("student small died"), std::string::npos)
      << coordinator_.Result().reason;
  EXPECT_TRUE(out_.To<Leave>(kStudent).empty());
  EXPECT_EQ(recorder_.finals, std::vector<std::uint16_t>{0});
}

TEST_F(CoordinatorDeathsTest, WithoutTheLearnerTheRunFailsAndCanBeResumed) {
  Listen();
  ReportShards(50);
  Tick();
  Die(1, {kLearner});
  const Time before = now_;
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_LT(now_ - before, Time(1s)) << "the dead one need not say that it has left";
  EXPECT_TRUE(coordinator_.Result().failed);
  EXPECT_NE(coordinator_.Result().reason.find("learner 0"), std::string::npos);
}

TEST_F(CoordinatorDeathsTest, TheLastShardAndAShardThatNeverListenedCannotBeDoneWithout) {
  Say(Shard(0), Endpoint{"a:1"});
  Tick();
  Die(3, {Shard(1)});
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_NE(coordinator_.Result().reason.find("before it listened"), std::string::npos);
}

TEST_F(CoordinatorDeathsTest, WithoutWorkersTheRunWaitsForGuestsAndThenFails) {
  Listen();
  ReportShards(50);
  Tick();
  Die(5, {kActors});
  EXPECT_TRUE(Noted("actor host 0 is gone with its workers; 0 of 1 are left"));
  now_ += 50s;
  Tick();
  EXPECT_FALSE(coordinator_.Result().failed) << "a worker is still connected";
  ReportShards(50);
  ShardReport nobody;
  nobody.totals.inserted = nobody.frames = 50;
  Say(Shard(0), nobody);
  for (int i = 0; i < 59; ++i) {
    now_ += 1s;
    Tick();
  }
  EXPECT_FALSE(coordinator_.Result().failed);
  now_ += 2s;
  Tick();
  EXPECT_TRUE(coordinator_.Result().failed);
}

/// Whose store is kept, and has to be read back first.
class CoordinatorWithAStoreTest : public CoordinatorDeathsTest {
 protected:
  CoordinatorWithAStoreTest() : CoordinatorDeathsTest(Keeping()) {}
  static Coordinator::Settings Keeping() {
    auto settings = SmallJob();
    settings.config.replay.durability = Durability::kAsync;
    return settings;
  }
};

TEST_F(CoordinatorWithAStoreTest, ADeathBeforeAllIsReadBackLeavesNoWrongCounts) {
  Tick();
  Die(3, {Shard(1)});
  Say(Shard(0), Endpoint{"a:1"});
  ShardReport half;
  half.totals.inserted = half.totals.size = half.frames = 500;
  Say(Shard(0), half);
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_TRUE(coordinator_.Result().failed);
  EXPECT_TRUE(recorder_.progress.empty()) << "what the dead one held is not known";
  EXPECT_TRUE(out_.To<InsertGrant>(Shard(0)).empty());
}

/// Where the runtime kills everyone when one dies.
class CoordinatorWithoutRecoveryTest : public CoordinatorDeathsTest {
 protected:
  CoordinatorWithoutRecoveryTest() : CoordinatorDeathsTest(Unforgiving()) {}
  static Coordinator::Settings Unforgiving() {
    auto settings = SmallJob();
    settings.survivors_live = false;
    return settings;
  }
};

TEST_F(CoordinatorWithoutRecoveryTest, AnyDeathEndsTheRun) {
  Listen();
  ReportShards(50);
  Tick();
  Die(2, {kStudent});
  ASSERT_TRUE(PlayUntil([&] { return coordinator_.Finished(); }));
  EXPECT_TRUE(coordinator_.Result().failed);
  EXPECT_NE(coordinator_.Result().reason.find("rank 2 (student_host 0, box)"), std::string::npos);
}

}  // namespace
}  // namespace stillhouse
