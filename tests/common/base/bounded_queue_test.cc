#include "common/base/bounded_queue.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

TEST(BoundedQueueTest, GivesItemsInTheirOrder) {
  BoundedQueue<int> queue(3);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(queue.Push(i));
  EXPECT_EQ(queue.Size(), 3U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(queue.Pop(), i);
  EXPECT_EQ(queue.TryPop(), std::nullopt);
}

TEST(BoundedQueueTest, DrainsAfterCloseAndThenEnds) {
  BoundedQueue<int> queue(2);
  queue.Push(1);
  queue.Close();
  EXPECT_FALSE(queue.Push(2));
  EXPECT_EQ(queue.Pop(), 1);
  EXPECT_EQ(queue.Pop(), std::nullopt);
}

TEST(BoundedQueueTest, CloseWakesAProducerThatWaitsForRoom) {
  BoundedQueue<int> queue(1);
  queue.Push(1);
  std::atomic<bool> accepted{true};
  std::jthread producer([&] { accepted = queue.Push(2); });
  queue.Close();
  producer.join();
  EXPECT_FALSE(accepted);
}

TEST(BoundedQueueTest, CloseWakesAConsumerThatWaitsForAnItem) {
  BoundedQueue<int> queue(1);
  std::atomic<bool> got{true};
  std::jthread consumer([&] { got = queue.Pop().has_value(); });
  queue.Close();
  consumer.join();
  EXPECT_FALSE(got);
}

TEST(BoundedQueueTest, CarriesThingsThatOnlyMove) {
  BoundedQueue<std::unique_ptr<int>> queue(1);
  queue.Push(std::make_unique<int>(5));
  EXPECT_EQ(**queue.Pop(), 5);
}

TEST(BoundedQueueTest, SeveralProducersAndConsumersLoseAndDoubleNothing) {
  BoundedQueue<int> queue(4);
  constexpr int kEach = 2000;
  std::atomic<long> sum{0};
  std::atomic<int> count{0};
  {
    std::vector<std::jthread> consumers;
    for (int c = 0; c < 2; ++c) {
      consumers.emplace_back([&] {
        while (const auto item = queue.Pop()) {
          sum += *item;
          ++count;
        }
      });
    }
    {
      std::vector<std::jthread> producers;
      for (int p = 0; p < 2; ++p) {
        producers.emplace_back([&, p] {
          for (int i = 0; i < kEach; ++i) queue.Push(p * kEach + i);
        });
      }
    }
    queue.Close();
  }
  EXPECT_EQ(count, 2 * kEach);
  EXPECT_EQ(sum, 2L * kEach * (2L * kEach - 1) / 2);
}

}  // namespace
}  // namespace stillhouse
