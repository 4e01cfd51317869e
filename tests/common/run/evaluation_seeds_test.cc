#include "common/run/evaluation_seeds.h"

#include <set>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

TEST(EvaluationSeedsTest, ListsHaveNoSeedInCommonAndNoneTwice) {
  std::set<std::uint64_t> all;
  for (const auto list :
       {SeedList::kRandom, SeedList::kPeriodic, SeedList::kApart, SeedList::kFinal}) {
    for (const std::uint64_t seed : EvaluationSeeds(1, list, 2000)) {
      EXPECT_TRUE(all.insert(seed).second) << seed;
      EXPECT_LT(seed, std::uint64_t{1} << 32U);
    }
  }
}

TEST(EvaluationSeedsTest, ALongerListBeginsWithTheShorterOne) {
  const auto few = EvaluationSeeds(7, SeedList::kApart, 10);
  auto many = EvaluationSeeds(7, SeedList::kApart, 100);
  many.resize(10);
  EXPECT_EQ(few, many);
  EXPECT_NE(few, EvaluationSeeds(8, SeedList::kApart, 10));
}

}  // namespace
}  // namespace stillhouse
