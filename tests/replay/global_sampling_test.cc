#include "tests/replay/global_sampling.h"

#include <gtest/gtest.h>

#include "replay/draw.h"

namespace stillhouse::replay {
namespace {

ReplaySettings Settings(DrawKind draw) {
  ReplaySettings settings;
  settings.draw = draw;
  return settings;
}

class GlobalSamplingTest : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(GlobalSamplingTest, MultinomialDrawsFollowTheWholeStoresPriorities) {
  GlobalStore store(GetParam(), 1000, Settings(DrawKind::kMultinomial));
  std::vector<std::uint64_t> all(store.Probabilities().size(), 0);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed, GetParam());
    const auto counts = store.Count(100000, rng);
    const double p = stillhouse::testing::ChiSquaredP(counts, store.Probabilities());
    EXPECT_GE(p, 0.001) << "seed " << seed;
    EXPECT_LE(p, 0.999) << "seed " << seed;
    for (std::size_t i = 0; i < all.size(); ++i) all[i] += counts[i];
  }
  EXPECT_LE(store.WorstDecile(all), 0.005);
}

TEST_P(GlobalSamplingTest, StratifiedDrawsAreThoseOfOneTree) {
  const std::uint32_t shards = GetParam();
  GlobalStore store(shards, 1000, Settings(DrawKind::kStratified));
  std::vector<double> priorities;
  for (std::uint32_t k = 0; k < shards; ++k) {
    for (ItemHandle h = 0; h < store.Store(k).Size(); ++h) {
      priorities.push_back(store.Probabilities()[store.First(k) + h]);
    }
  }
  SumTree one(priorities.size());
  one.SetRange(0, priorities);
  int equal = 0;
  int drawn = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed);
    Rng same(seed);
    const Batch batch = store.Draw(64, rng);
    std::vector<double> uniforms(64);
    for (double& u : uniforms) u = same.Uniform();
    const auto masses = StratifiedMasses(uniforms, one.Total());
    for (std::size_t i = 0; i < 64; ++i) {
      const std::size_t item = store.First(batch.shards[i]) + batch.handles[i];
      equal += one.Find(masses[i]) == item ? 1 : 0;
      ++drawn;
      EXPECT_NEAR(batch.probabilities[i], store.Probabilities()[item], 1e-12);
    }
  }
  EXPECT_EQ(equal, drawn);
}

INSTANTIATE_TEST_SUITE_P(Shards, GlobalSamplingTest, ::testing::Values(1, 2, 5, 16));

TEST(ChiSquaredTest, AgreesWithTabulatedQuantiles) {
  // Table of the chi-squared distribution: P(X > 18.307) = 0.05 at 10 degrees of freedom,
  // P(X > 124.342) = 0.05 at 100, P(X > 77.929) = 0.95 at 100.
  EXPECT_NEAR(stillhouse::testing::UpperGamma(5, 18.307 / 2), 0.05, 1e-5);
  EXPECT_NEAR(stillhouse::testing::UpperGamma(50, 124.342 / 2), 0.05, 1e-5);
  EXPECT_NEAR(stillhouse::testing::UpperGamma(50, 77.929 / 2), 0.95, 1e-5);
}

}  // namespace
}  // namespace stillhouse::replay
