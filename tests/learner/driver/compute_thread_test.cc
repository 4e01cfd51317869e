#include "learner/driver/compute_thread.h"

#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/net/event_loop.h"

namespace stillhouse::learner {
namespace {

using namespace std::chrono_literals;

TEST(ComputeThreadTest, DoesJobsInOrderOnOneThreadThatIsNotTheCallers) {
  constexpr int kJobs = 500;
  std::vector<int> done;  // of the compute thread until it has ended
  std::vector<std::thread::id> where;
  {
    ComputeThread<int, int> compute([](int job) { return 2 * job; },
                                    [&](int outcome) {
                                      done.push_back(outcome);
                                      where.push_back(std::this_thread::get_id());
                                    });
    for (int job = 0; job < kJobs; ++job) compute.Submit(job);
  }
  ASSERT_EQ(done.size(), static_cast<std::size_t>(kJobs)) << "its end finishes what was submitted";
  for (int job = 0; job < kJobs; ++job) EXPECT_EQ(done[static_cast<std::size_t>(job)], 2 * job);
  for (const auto thread : where) EXPECT_EQ(thread, where.front());
  EXPECT_NE(where.front(), std::this_thread::get_id());
}

TEST(ComputeThreadTest, OutcomesPostedToTheLoopArriveOnItsThread) {
  constexpr int kJobs = 200;
  EventLoop loop;
  std::vector<int> arrived;  // of the loop's thread alone
  ComputeThread<std::vector<int>, int> compute(
      [](const std::vector<int>& job) { return std::accumulate(job.begin(), job.end(), 0); },
      [&](int outcome) { loop.Post([&arrived, outcome] { arrived.push_back(outcome); }); });
  for (int job = 0; job < kJobs; ++job) compute.Submit({job, 1, 1});
  const SteadyClock clock;
  const Time deadline = clock.Now() + 20s;
  while (arrived.size() < kJobs && clock.Now() < deadline) loop.RunOnce(1ms);
  ASSERT_EQ(arrived.size(), static_cast<std::size_t>(kJobs));
  for (int job = 0; job < kJobs; ++job) EXPECT_EQ(arrived[static_cast<std::size_t>(job)], job + 2);
}

}  // namespace
}  // namespace stillhouse::learner
