#include "common/run/progress_tracker.h"

#include <gtest/gtest.h>

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

TEST(ProgressTrackerTest, TheLastLineSaysTheEpsilonOfWorkersThatHaveLeft) {
  ProgressTracker tracker({.students = {}, .host_of_student = {}, .shards = 1});
  tracker.On(ReportOf(0.1, {1}), 0);
  tracker.Take(seconds(1), RunPhase::kFinal);
  tracker.On(ReportOf(0, {}), 0);
  EXPECT_DOUBLE_EQ(tracker.Take(seconds(2), RunPhase::kEnd).epsilon_mean, 0.1);
}

}  // namespace
}  // namespace stillhouse
