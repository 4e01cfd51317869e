#include "learner/distill/bias_correction.h"

#include <cmath>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

TEST(BalancingBiasTest, IsWhatAHandComputes) {
  // One row of equal logits, three classes: p = e^b / (e^b + 2) = 1/2 for b = ln 2.
  const std::vector<float> q = {1, 1, 1};
  EXPECT_NEAR(BalancingBias(q, 3, 0, 0.5), std::log(2), 1e-3);
  EXPECT_NEAR(BalancingBias(q, 3, 0, 1.0 / 3), 0, 1e-3);
}

TEST(BalancingBiasTest, IsBoundedForHugeLogits) {
  const std::vector<float> q = {-1e4F, 1e4F};
  EXPECT_NEAR(BalancingBias(q, 2, 0, 0.5), 100, 1e-3);
}

TEST(BiasCorrectionTest, ChangesNothingButTheBiasOfItsClassInWhatIsPublished) {
  const NetworkSpec spec = VariedNetworks()[1];  // a plain head of three actions
  Rng rng(3);
  const auto model = MakeFusedModel(spec, {}, InitialParameters(spec, rng));
  const auto before = model->Parameters();
  BiasCorrection correction(2);
  EXPECT_EQ(correction.Apply(*model), before);
  LabelledBatch batch;
  batch.batch = batch.rows = 8;
  batch.num_actions = 3;
  batch.observations = RandomPacked(spec.Observation(), 8, rng);
  batch.truths = {0, 1, 2, 2, 2, 2, 2, 2};
  correction.Remember(batch);
  const auto after = correction.Apply(*model);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i + 1 < after.size(); ++i) ASSERT_EQ(after[i], before[i]);
  EXPECT_GT(after.back(), before.back());
  // Published, it gives the class three quarters on average.
  const auto published = MakeFusedModel(spec, {}, after);
  const PackedRows rows = batch.observations;
  const auto q = published->Forward({&rows, 1});
  EXPECT_NEAR(BalancingBias(q, 3, 2, 0.75), 0, 1e-3);
  EXPECT_EQ(model->Parameters(), before);
  batch.truths.clear();
  EXPECT_THROW(correction.Remember(batch), ShapeError);
}

}  // namespace
}  // namespace stillhouse::learner
