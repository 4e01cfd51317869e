#include "common/run/evaluation_scheduler.h"

#include <chrono>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/captured_outbox.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using testing_support::CapturedOutbox;

constexpr RoleAddress kLearner{RoleKind::kLearner, 0};
constexpr RoleAddress kHost{RoleKind::kStudentHost, 0};
constexpr RoleAddress kShard0{RoleKind::kShard, 0};
constexpr RoleAddress kShard1{RoleKind::kShard, 1};

EvaluationScheduler::Settings SmallSettings() {
  EvaluationScheduler::Settings settings;
  settings.random_episodes = 20;
  settings.episodes = 20;
  settings.final_episodes = 40;
  settings.publishers = {kLearner, kHost};
  settings.shards = 2;
  return settings;
}

EvaluationResult PlayAll(const EvaluationTask& task, float episode_return) {
  EvaluationResult result;
  result.task = task.task;
  result.round = task.round;
  result.player = task.player.model;
  for (const auto seed : task.seeds) result.episodes.push_back({seed, episode_return, 10});
  for (const auto& model : task.compare)
    result.comparisons.push_back({model.model, 10, 9, 0.5, 1, 20, 19, 3});
  return result;
}

std::vector<EvaluationTask> TasksOf(const CapturedOutbox& out) {
  auto tasks = out.To<EvaluationTask>(kShard0);
  const auto more = out.To<EvaluationTask>(kShard1);
  tasks.insert(tasks.end(), more.begin(), more.end());
  return tasks;
}

/// Plays whatever is handed out until the round is over.
RoundResult PlayRound(EvaluationScheduler& scheduler, Time now, float episode_return) {
  for (int turn = 0; turn < 1000; ++turn) {
    CapturedOutbox out;
    scheduler.Tick(now, kCoordinatorAddress, out);
    for (const auto& task : TasksOf(out)) scheduler.OnResult(PlayAll(task, episode_return));
    if (auto result = scheduler.TakeFinished()) return *result;
  }
  ADD_FAILURE() << "the round did not end";
  return {};
}

TEST(EvaluationSchedulerTest, SeedListsOfDifferentKindsShareNothing) {
  std::set<std::uint64_t> all;
  for (const auto kind : {RoundKind::kRandom, RoundKind::kPeriodic, RoundKind::kFinal}) {
    for (const auto seed : EvaluationScheduler::Seeds(7, kind, 1000)) {
      EXPECT_LE(seed, 0xffffffffULL);
      EXPECT_TRUE(all.insert(seed).second);
    }
  }
  // Those of a data set follow one another, and are disjoint as well.
  std::set<std::uint64_t> of_data;
  for (const auto kind : {RoundKind::kRandom, RoundKind::kPeriodic, RoundKind::kFinal}) {
    const auto seeds = EvaluationScheduler::Seeds(7, kind, 1000, true);
    EXPECT_EQ(seeds.back(), seeds.front() + 999);
    EXPECT_LT(seeds.back(), std::uint64_t{1} << 32U);
    of_data.insert(seeds.begin(), seeds.end());
  }
  EXPECT_EQ(of_data.size(), 3000U);
  EXPECT_EQ(EvaluationScheduler::Seeds(7, RoundKind::kFreeze, 50),
            EvaluationScheduler::Seeds(7, RoundKind::kPeriodic, 50));
}

TEST(EvaluationSchedulerTest, RandomRoundNeedsNoPins) {
  EvaluationScheduler scheduler(SmallSettings());
  scheduler.OnWorkers(0, {11});
  scheduler.StartRound(RoundKind::kRandom, 0s);
  const auto result = PlayRound(scheduler, 0s, 2.0F);
  EXPECT_EQ(result.kind, RoundKind::kRandom);
  ASSERT_EQ(result.models.size(), 1U);
  EXPECT_EQ(result.models[0].returns, std::vector<double>(20, 2.0));
}

TEST(EvaluationSchedulerTest, EveryModelIsPinnedBeforeAnyIsPlayed) {
  EvaluationScheduler scheduler(SmallSettings());
  scheduler.OnWorkers(1, {11, 12});
  scheduler.StartRound(RoundKind::kPeriodic, 0s);
  CapturedOutbox out;
  scheduler.Tick(0s, kCoordinatorAddress, out);
  EXPECT_EQ(out.To<PinRequest>(kLearner).size(), 1U);
  EXPECT_EQ(out.To<PinRequest>(kHost).size(), 1U);
  scheduler.OnPinned({1, {{0, 5, 500}}}, kLearner);
  scheduler.Tick(1s, kCoordinatorAddress, out);
  EXPECT_TRUE(TasksOf(out).empty());
  scheduler.OnPinned({1, {{1, 3, 300}}}, kHost);
  scheduler.Tick(1s, kCoordinatorAddress, out);
  const auto tasks = TasksOf(out);
  ASSERT_FALSE(tasks.empty());
  EXPECT_EQ(tasks[0].player, (ModelVersion{0, 5, 500}));
  ASSERT_EQ(tasks[0].compare.size(), 1U);
  EXPECT_EQ(tasks[0].compare[0], (ModelVersion{1, 3, 300}));
  for (const auto& task : tasks) scheduler.OnResult(PlayAll(task, 1.0F));
  const auto result = PlayRound(scheduler, 1s, 1.0F);
  ASSERT_EQ(result.models.size(), 2U);
  EXPECT_EQ(result.models[1].returns.size(), 20U);
  EXPECT_GT(result.models[1].on_reference_states.states, 0U);
  EXPECT_GT(result.models[1].on_own_states.states, 0U);
}

TEST(EvaluationSchedulerTest, AStoppedStudentHostIsLeftOutAfterItsTimeout) {
  EvaluationScheduler scheduler(SmallSettings());
  scheduler.OnWorkers(0, {11});
  scheduler.StartRound(RoundKind::kPeriodic, 0s);
  CapturedOutbox out;
  scheduler.Tick(0s, kCoordinatorAddress, out);
  scheduler.OnPinned({1, {{0, 5, 500}}}, kLearner);
  const auto result = PlayRound(scheduler, 4s, 1.0F);
  ASSERT_EQ(result.models.size(), 1U);
  EXPECT_EQ(result.models[0].model.model, 0);
}

TEST(EvaluationSchedulerTest, SeedsOfALostWorkerGoToAnotherAndCountOnce) {
  EvaluationScheduler scheduler(SmallSettings());
  scheduler.OnWorkers(0, {11});
  scheduler.StartRound(RoundKind::kRandom, 0s);
  CapturedOutbox out;
  scheduler.Tick(0s, kCoordinatorAddress, out);
  const auto lost = TasksOf(out);
  ASSERT_FALSE(lost.empty());
  scheduler.OnWorkers(0, {});
  scheduler.OnWorkers(1, {12});
  const auto result = PlayRound(scheduler, 1s, 3.0F);
  // The lost worker's result still arrives: nothing is under that number any more.
  for (const auto& task : lost) scheduler.OnResult(PlayAll(task, 100.0F));
  EXPECT_EQ(result.models[0].returns, std::vector<double>(20, 3.0));
}

TEST(EvaluationSchedulerTest, ATaskWhoseWeightsAreGoneIsHandedOutAgainAtOnce) {
  EvaluationScheduler scheduler(SmallSettings());
  scheduler.OnWorkers(0, {11});
  scheduler.StartRound(RoundKind::kRandom, 0s);
  CapturedOutbox out;
  scheduler.Tick(0s, kCoordinatorAddress, out);
  for (const auto& task : TasksOf(out)) {
    scheduler.OnResult({task.task, task.round, task.player.model, {}, {}});
  }
  const auto result = PlayRound(scheduler, 1s, 2.0F);
  EXPECT_EQ(result.models.at(0).returns.size(), 20U);
}

TEST(EvaluationSchedulerTest, PinnedWeightsAreReleasedWhenTheRoundIsOver) {
  EvaluationScheduler scheduler(SmallSettings());
  scheduler.OnWorkers(0, {11});
  scheduler.StartRound(RoundKind::kRandom, 0s);
  CapturedOutbox all;
  for (int turn = 0; turn < 10; ++turn) {
    CapturedOutbox out;
    scheduler.Tick(0s, kCoordinatorAddress, out);
    for (const auto& task : TasksOf(out)) scheduler.OnResult(PlayAll(task, 1.0F));
    all.envelopes.insert(all.envelopes.end(), out.envelopes.begin(), out.envelopes.end());
  }
  EXPECT_EQ(all.To<EvaluationRelease>(kShard0).size(), 1U);
  EXPECT_EQ(all.To<EvaluationRelease>(kShard1).size(), 1U);
}

TEST(EvaluationSchedulerTest, CancellingGivesUpAllButTheRandomRound) {
  EvaluationScheduler scheduler(SmallSettings());
  scheduler.StartRound(RoundKind::kRandom, 0s);
  scheduler.StartRound(RoundKind::kPeriodic, 0s);
  CapturedOutbox out;
  scheduler.Tick(0s, kCoordinatorAddress, out);
  scheduler.CancelRound(kCoordinatorAddress, out);
  EXPECT_TRUE(scheduler.Has(RoundKind::kRandom));
  EXPECT_FALSE(scheduler.Has(RoundKind::kPeriodic));
}

TEST(EvaluationSchedulerTest, ARoundStartsAnewWithoutAPublisherThatDies) {
  EvaluationScheduler scheduler(SmallSettings());
  scheduler.OnWorkers(0, {11});
  scheduler.StartRound(RoundKind::kFinal, 0s);
  CapturedOutbox out;
  scheduler.Tick(0s, kCoordinatorAddress, out);
  scheduler.OnPinned({1, {{0, 5, 500}}}, kLearner);
  scheduler.OnPinned({1, {{1, 3, 300}}}, kHost);
  scheduler.Tick(0s, kCoordinatorAddress, out);
  ASSERT_FALSE(TasksOf(out).empty()) << "its weights may be missing in some shard";
  out.Clear();
  scheduler.OnPublisherDown(kHost, kCoordinatorAddress, out);
  EXPECT_EQ(out.To<EvaluationRelease>(kShard0).size(), 1U);
  scheduler.Tick(0s, kCoordinatorAddress, out);
  EXPECT_TRUE(out.To<PinRequest>(kHost).empty());
  ASSERT_EQ(out.To<PinRequest>(kLearner).size(), 1U);
  scheduler.OnPinned({2, {{0, 6, 600}}}, kLearner);
  const auto result = PlayRound(scheduler, 0s, 1.0F);
  EXPECT_EQ(result.kind, RoundKind::kFinal);
  ASSERT_EQ(result.models.size(), 1U);
  EXPECT_EQ(result.models[0].returns.size(), 40U);
}

TEST(EvaluationSchedulerTest, WhatWentThroughADeadShardIsAskedAgainOfWorkersThatHaveMoved) {
  EvaluationScheduler scheduler(SmallSettings());
  CapturedOutbox out;
  scheduler.OnWorkers(0, {11});
  scheduler.StartRound(RoundKind::kRandom, 0s);
  scheduler.Tick(0s, kCoordinatorAddress, out);
  const std::size_t asked = TasksOf(out).size();
  ASSERT_GT(asked, 0U);
  out.Clear();
  scheduler.OnShardDown(0);
  scheduler.OnWorkers(1, {11});  // the same worker has found another home before the next tick
  scheduler.Tick(0s, kCoordinatorAddress, out);
  EXPECT_EQ(TasksOf(out).size(), asked);
}

}  // namespace
}  // namespace stillhouse
