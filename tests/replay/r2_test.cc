// R2 of docs/methods.md, experience replay: what a store must give a learner so that learning from
// it is right. Each test is one of the row's claims.
#include <cmath>

#include <gtest/gtest.h>

#include "replay/item_store.h"
#include "replay/sampler.h"
#include "tests/replay/chunk_maker.h"
#include "tests/support/chi_squared.h"

namespace stillhouse::replay {
namespace {

constexpr std::uint32_t kItems = 500;
constexpr std::uint32_t kBatch = 32;

/// One shard with one long stretch of one environment, TD errors skewed 100 : 1.
class OneStore {
 public:
  explicit OneStore(double alpha) : store_(Settings(alpha)), sampler_(1, Draws()) {
    Rng rng(5);
    ExperienceChunk chunk = MakeChunk(1, 1, 0, kItems, 1);
    double sum = 0;
    for (float& error : chunk.td_errors) {
      error = static_cast<float>(std::pow(100, rng.Uniform()));
      probabilities.push_back(std::pow(static_cast<double>(error), alpha));
      sum += probabilities.back();
    }
    for (double& p : probabilities) p /= sum;
    const auto bytes = chunk.Encode(CounterSpec());
    store_.Insert(ChunkView(bytes, CounterSpec(), 1));
    sampler_.Learn(0, store_.Totals());
  }

  Batch Draw(Rng& rng) {
    const auto requests = sampler_.Draw(kBatch, rng);
    return *sampler_.Accept(0, store_.Sample(requests[0]));
  }
  std::vector<std::uint64_t> Count(int batches, Rng& rng) {
    std::vector<std::uint64_t> counts(kItems, 0);
    for (int i = 0; i < batches; ++i) {
      for (const ItemHandle handle : Draw(rng).handles) ++counts[handle];
    }
    return counts;
  }

  std::vector<double> probabilities;  ///< [kItems]

 private:
  static ItemStoreSettings Settings(double alpha) {
    ItemStoreSettings settings;
    settings.capacity = kItems;
    settings.alpha = alpha;
    settings.priority_epsilon = 0;
    return settings;
  }
  static ReplaySettings Draws() {
    ReplaySettings settings;
    settings.draw = DrawKind::kMultinomial;  // independent draws, which the test of fit assumes
    return settings;
  }

  ItemStore store_;
  Sampler sampler_;
};

TEST(R2, UniformAndPrioritisedDrawsFollowTheirDistributionExactly) {
  for (const double alpha : {0.0, 0.6, 1.0}) {
    OneStore store(alpha);
    Rng rng(17);
    const double p = stillhouse::testing::ChiSquaredP(store.Count(4000, rng), store.probabilities);
    EXPECT_GE(p, 0.001) << "alpha " << alpha;
    EXPECT_LE(p, 0.999) << "alpha " << alpha;
  }
}

TEST(R2, EveryTransitionIsUsedAgain) {
  OneStore store(0);
  Rng rng(3);
  // Eight draws an item on average: one that is never drawn has the chance e^-8, 0.2 of 500.
  const auto counts = store.Count(static_cast<int>(8 * kItems / kBatch), rng);
  std::size_t again = 0;
  for (const std::uint64_t count : counts) again += count >= 2 ? 1 : 0;
  EXPECT_GT(again, kItems * 98 / 100);
}

TEST(R2, RowsOfABatchAreNotNeighboursInTime) {
  OneStore store(0);
  Rng rng(9);
  // Correlation of consecutive rows' times: 1 for a stretch as it was played, 0 for independent
  // draws; 1000 batches of 31 pairs know it to 0.006.
  double products = 0;
  double squares = 0;
  const double centre = (kItems - 1) / 2.0;
  for (int i = 0; i < 1000; ++i) {
    const Batch batch = store.Draw(rng);
    for (std::size_t row = 1; row < batch.Size(); ++row) {
      const double before = static_cast<double>(batch.handles[row - 1]) - centre;
      const double now = static_cast<double>(batch.handles[row]) - centre;
      products += before * now;
      squares += now * now;
    }
  }
  EXPECT_NEAR(products / squares, 0, 0.025);
}

TEST(R2, ATruncatedStepBootstrapsFromItsLastStateAndATerminatedOneDoesNot) {
  ExperienceChunk chunk = MakeChunk(1, 1, 0, 3, 1);
  chunk.flags[0] = kTruncated;
  AppendFloat(chunk.final_observations, -7);
  chunk.flags[1] = kTerminated;
  const auto bytes = chunk.Encode(CounterSpec());
  const ChunkView view(bytes, CounterSpec(), 1);
  const TransitionView cut = view.Transition(0, 1, 0.9);
  EXPECT_FLOAT_EQ(cut.discount, 0.9F);
  EXPECT_EQ(FloatAt(cut.next_observation), -7) << "not the first state of the next episode";
  EXPECT_EQ(view.Transition(1, 1, 0.9).discount, 0);
  EXPECT_EQ(FloatAt(view.Transition(2, 1, 0.9).next_observation), 3);
}

}  // namespace
}  // namespace stillhouse::replay
