#include "common/run/progress_tracker.h"

#include <cmath>

#include <gtest/gtest.h>

#include "common/base/rng.h"

namespace stillhouse {
namespace {

using std::chrono::seconds;

ShardReport ReportOf(double epsilon, std::vector<std::uint64_t> workers) {
  ShardReport report;
  report.epsilon_mean = epsilon;
  report.home_workers = std::move(workers);
  return report;
}

TEST(ProgressTrackerTest, TheMeanEpsilonIsOverWorkersNotShards) {
  ProgressTracker tracker({.students = {}, .host_of_student = {}, .shards = 2});
  tracker.On(ReportOf(0.1, {1, 2, 3}), 0);
  tracker.On(ReportOf(0.5, {4}), 1);
  EXPECT_DOUBLE_EQ(tracker.Take(seconds(1), RunPhase::kTrain).epsilon_mean, 0.2);
}

TEST(ProgressTrackerTest, TheActionEntropyIsOfTheActionsSinceTheLastLine) {
  ProgressTracker tracker({.students = {}, .host_of_student = {}, .shards = 2});
  const auto report = [&](std::uint16_t shard, std::vector<std::uint64_t> counts) {
    ShardReport body;
    body.action_counts = std::move(counts);
    tracker.On(body, shard);
  };
  auto entropy = [&, at = 0]() mutable {
    return tracker.Take(seconds(++at), RunPhase::kTrain).action_entropy;
  };
  EXPECT_EQ(entropy(), 0);
  report(0, {30, 10});
  report(1, {0, 20});
  EXPECT_NEAR(entropy(), std::log(2.0), 1e-12);
  EXPECT_NEAR(entropy(), std::log(2.0), 1e-12) << "nothing new: as before";
  report(0, {40, 10});  // ten times the first action
  EXPECT_EQ(entropy(), 0);
  report(0, {40, 10});
  report(1, {3, 21});
  EXPECT_NEAR(entropy(), 2 * std::log(2.0) - 0.75 * std::log(3.0), 1e-12);
}

TEST(ProgressTrackerTest, StatesOfSeveralShardsAndEarlierAttemptsCountOnce) {
  DistinctSketch before;
  DistinctSketch shards[2];
  Rng rng(9);
  for (int i = 0; i < 3000; ++i) {
    const auto hash = rng();
    if (i < 1500) before.Add(hash);
    if (i >= 1000 && i < 2500) shards[0].Add(hash);
    if (i >= 2000) shards[1].Add(hash);
  }
  ProgressTracker tracker(
      {.students = {}, .host_of_student = {}, .shards = 2, .visited_before = before.Registers()});
  for (std::uint16_t shard = 0; shard < 2; ++shard) {
    ShardReport report;
    report.visited = shards[shard].Registers();
    tracker.On(report, shard);
    tracker.On(ShardReport{}, shard);  // most reports go without
  }
  EXPECT_NEAR(static_cast<double>(tracker.Take(seconds(1), RunPhase::kTrain).states_distinct), 3000,
              150);
}

TEST(ProgressTrackerTest, TheLastLineSaysTheEpsilonOfWorkersThatHaveLeft) {
  ProgressTracker tracker({.students = {}, .host_of_student = {}, .shards = 1});
  tracker.On(ReportOf(0.1, {1}), 0);
  tracker.Take(seconds(1), RunPhase::kFinal);
  tracker.On(ReportOf(0, {}), 0);
  EXPECT_DOUBLE_EQ(tracker.Take(seconds(2), RunPhase::kEnd).epsilon_mean, 0.1);
}

}  // namespace
}  // namespace stillhouse
