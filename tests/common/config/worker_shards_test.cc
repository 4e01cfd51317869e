#include "common/config/worker_shards.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stillhouse {
namespace {

using ::testing::ElementsAre;

TEST(WorkerShardsTest, FewWorkersWriteToAllShardsAndManyToSome) {
  EXPECT_EQ(ShardsPerWorker(0, 1, 64), 64U);
  EXPECT_EQ(ShardsPerWorker(0, 500, 64), 64U);
  EXPECT_EQ(ShardsPerWorker(0, 1000, 16), 8U);
  EXPECT_EQ(ShardsPerWorker(0, 10000, 64), 4U) << "at least four";
  EXPECT_EQ(ShardsPerWorker(0, 10000, 2), 2U) << "there are no more";
  EXPECT_EQ(ShardsPerWorker(3, 10, 16), 3U) << "as configured";
  EXPECT_EQ(ShardsPerWorker(30, 10, 16), 16U);
}

TEST(WorkerShardsTest, AllShardsAreInTheirOrder) {
  for (std::uint32_t index = 0; index < 7; ++index) {
    EXPECT_THAT(ShardsOfWorker(index, 3, 3), ElementsAre(0, 1, 2));
  }
}

TEST(WorkerShardsTest, NeighboursAreWrittenToAndHomeIsTheFirstOfThem) {
  EXPECT_THAT(ShardsOfWorker(0, 4, 16), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(ShardsOfWorker(5, 4, 16), ElementsAre(8, 5, 6, 7));
  EXPECT_THAT(ShardsOfWorker(15, 4, 16), ElementsAre(0, 1, 2, 15));
}

TEST(WorkerShardsTest, OfADeadShardTheNextOneTakesThePlaceAndNobodyElseMoves) {
  const std::vector<std::uint16_t> dead = {6};
  EXPECT_THAT(ShardsOfWorker(5, 4, 16, dead), ElementsAre(9, 5, 7, 8));
  EXPECT_EQ(ShardsOfWorker(7, 4, 16, dead), ShardsOfWorker(7, 4, 16));
  EXPECT_EQ(ShardsOfWorker(2, 4, 16, dead), ShardsOfWorker(2, 4, 16));
}

TEST(WorkerShardsTest, EveryShardIsWrittenToAndIsHomeAsOftenAsEveryOther) {
  for (const std::uint32_t shards : {1U, 5U, 16U, 64U}) {
    for (const std::uint32_t workers : {64U, 1000U, 10007U}) {
      const std::uint32_t count = ShardsPerWorker(0, workers, shards);
      std::vector<std::uint32_t> writers(shards, 0);
      std::vector<std::uint32_t> homes(shards, 0);
      for (std::uint32_t index = 0; index < workers; ++index) {
        auto mine = ShardsOfWorker(index, count, shards);
        ++homes[mine[index % count]];
        for (const auto shard : mine) ++writers[shard];
        std::sort(mine.begin(), mine.end());
        EXPECT_EQ(std::adjacent_find(mine.begin(), mine.end()), mine.end());
      }
      const auto [fewest_homes, most_homes] = std::minmax_element(homes.begin(), homes.end());
      EXPECT_LE(*most_homes - *fewest_homes, 1U);
      const auto [fewest, most] = std::minmax_element(writers.begin(), writers.end());
      EXPECT_LE(*most - *fewest, count);
      EXPECT_GT(*fewest, 0U);
    }
  }
}

}  // namespace
}  // namespace stillhouse
