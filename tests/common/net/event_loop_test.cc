#include "common/net/event_loop.h"

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>

namespace stillhouse {
namespace {

using std::chrono::milliseconds;

TEST(EventLoopTest, PostedWorkWakesASleepingLoop) {
  EventLoop loop;
  bool ran = false;
  std::jthread other([&] {
    std::this_thread::sleep_for(milliseconds(20));
    loop.Post([&] { ran = true; });
  });
  const auto start = std::chrono::steady_clock::now();
  while (!ran) loop.RunOnce(std::chrono::seconds(5));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(EventLoopTest, RunOnceReturnsAfterTheLongestWaitWhenNothingHappens) {
  EventLoop loop;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(loop.RunOnce(milliseconds(30)), 0U);
  const auto took = std::chrono::steady_clock::now() - start;
  EXPECT_GE(took, milliseconds(25));
  EXPECT_LT(took, milliseconds(1000));
}

TEST(EventLoopTest, TimersRunInTheOrderOfTheirTimes) {
  EventLoop loop;
  std::vector<int> order;
  loop.After(milliseconds(20), [&] { order.push_back(2); });
  loop.After(milliseconds(5), [&] { order.push_back(1); });
  while (order.size() < 2) loop.RunOnce(milliseconds(50));
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(EventLoopTest, SignalsArriveInTheLoopEvenWhenTheyWereBlockedBefore) {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  kill(getpid(), SIGUSR1);  // pending while nobody listens
  EventLoop loop;
  std::vector<int> seen;
  loop.OnSignals({SIGUSR1, SIGUSR2}, [&](int number) { seen.push_back(number); });
  while (seen.empty()) loop.RunOnce(milliseconds(50));
  kill(getpid(), SIGUSR2);
  while (seen.size() < 2) loop.RunOnce(milliseconds(50));
  EXPECT_EQ(seen, (std::vector<int>{SIGUSR1, SIGUSR2}));
}

// A rank that is leaving, in MPI_Finalize say, is not to die of a late SIGUSR1 that mpirun hands
// on.
TEST(EventLoopTest, ASignalThatComesAfterTheLoopIsIgnored) {
  const auto come_late = [] {
    {
      EventLoop loop;
      loop.OnSignals({SIGUSR1, SIGTERM}, [](int) {});
    }
    std::raise(SIGUSR1);
    std::raise(SIGTERM);
    std::exit(0);
  };
  EXPECT_EXIT(come_late(), testing::ExitedWithCode(0), "");
}

TEST(EventLoopTest, AnIdleLoopBurnsNoProcessor) {
  EventLoop loop;
  const std::clock_t start = std::clock();
  for (int i = 0; i < 100; ++i) loop.RunOnce(milliseconds(2));
  const double cpu_seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  EXPECT_LT(cpu_seconds, 0.05);  // of 0.2 s or more
}

}  // namespace
}  // namespace stillhouse
