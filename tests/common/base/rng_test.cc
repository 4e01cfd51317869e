#include "common/base/rng.h"

#include <set>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

TEST(SplitMix64Test, GivesTheReferenceSequenceOfSeedZero) {
  // The published test vector of Vigna's splitmix64.c.
  std::uint64_t state = 0;
  EXPECT_EQ(SplitMix64(state), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(SplitMix64(state), 0x6e789e6aa1b965f4ULL);
  EXPECT_EQ(SplitMix64(state), 0x06c45d188009454fULL);
}

TEST(RngTest, GivesTheReferenceSequenceOfXoshiro256PlusPlus) {
  // rotl(s0 + s3, 23) + s0 by hand, from the state {1, 2, 3, 4}.
  Rng rng(0);
  rng.Restore({1, 2, 3, 4});
  EXPECT_EQ(rng(), 41943041ULL);
  EXPECT_EQ(rng(), 58720359ULL);
}

TEST(RngTest, StreamsOfOtherNamesDiffer) {
  std::set<std::uint64_t> first;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (std::uint64_t purpose = 0; purpose < 8; ++purpose) {
      for (std::uint64_t index = 0; index < 16; ++index) first.insert(Rng(seed, purpose, index)());
    }
  }
  EXPECT_EQ(first.size(), 4U * 8 * 16);
}

TEST(RngTest, GoesOnFromASavedState) {
  Rng rng(5);
  rng();
  const auto state = rng.Save();
  const auto expected = rng();
  Rng other(9);
  other.Restore(state);
  EXPECT_EQ(other(), expected);
}

TEST(RngTest, UniformStaysBelowOneAndHasTheRightMean) {
  Rng rng(1);
  double sum = 0;
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.Uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
  }
  // The standard deviation of the mean is sqrt(1/12 / 1e5) = 0.0009: five of them.
  EXPECT_NEAR(sum / kDraws, 0.5, 0.0046);
}

TEST(RngTest, BelowReachesEveryValueAboutEquallyOften) {
  Rng rng(2);
  int counts[6] = {};
  constexpr int kDraws = 60000;
  for (int i = 0; i < kDraws; ++i) ++counts[rng.Below(6)];
  // Binomial(60000, 1/6): mean 10000, standard deviation 91; five of them.
  for (const int count : counts) EXPECT_NEAR(count, 10000, 460);
}

}  // namespace
}  // namespace stillhouse
