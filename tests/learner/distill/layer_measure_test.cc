#include "learner/distill/layer_measure.h"

#include <gtest/gtest.h>

#include "learner/distill/students.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

TEST(LayerMeasureTest, NormsAndCosinesByHand) {
  const auto spec = NetworkSpec::Create({Linear(1), kReluLayer, Head(true)},
                                        TensorSpec{ElementKind::kFloats, {1}}, 2);
  // 0: weight, bias; head: value weight, bias, two advantage weights and biases.
  const std::vector<float> before(8, 1.0F);
  std::vector<float> after = before;
  after[0] += 3;
  after[1] += 4;
  const std::vector<PartGradient> parts = {{"a", {-3, -4, 0, 0, 0, 0, 0, 0}},
                                           {"b", {4, -3, 1, 0, 0, 0, 0, 0}}};
  const auto changes = ChangesOf(spec, before, after, parts);
  EXPECT_EQ(changes.layers, (std::vector<std::string>{"0", "head"}));
  EXPECT_EQ(changes.change, (std::vector<float>{5, 0}));
  EXPECT_EQ(changes.parts[0].norm, (std::vector<float>{5, 0}));
  EXPECT_EQ(changes.parts[0].cosine, (std::vector<float>{1, 0}));
  EXPECT_EQ(changes.parts[1].norm, (std::vector<float>{5, 1}));
  EXPECT_EQ(changes.parts[1].cosine, (std::vector<float>{0, 0}));
}

constexpr std::uint32_t kRows = 8;
constexpr std::uint32_t kActions = 5;

NetworkSpec Network() {
  return NetworkSpec::Create({kFlattenLayer, Linear(12), kReluLayer, Head(false)},
                             TensorSpec{ElementKind::kBits, {4, 10, 10}}, kActions);
}

/// `second` learns from the teacher and from `first`, and from rewards and the truth besides.
Students Two() {
  std::vector<HostedStudent> hosted;
  for (int k = 0; k < 2; ++k) {
    HostedStudent student;
    student.settings.name = k == 0 ? "first" : "second";
    student.settings.loss.temperature = 0.5;
    student.settings.rows = LabelRows::kS;
    Rng rng(static_cast<std::uint64_t>(k));
    student.model = MakeFusedModel(Network(), {}, InitialParameters(Network(), rng));
    hosted.push_back(std::move(student));
  }
  hosted[1].links = {LabelLink{{}, 0.75}, LabelLink{0, 0.25}};
  hosted[1].settings.loss.label = LabelBy::kTruth;
  hosted[1].settings.loss.hard_weight = 0.5;
  hosted[1].settings.rewards = RewardSettings{.lambda = {}};
  return Students(std::move(hosted), {0, 1, 2, 3, 4});
}

LabelledBatch RandomBatch(Rng& rng) {
  LabelledBatch batch;
  batch.batch = kRows;
  batch.rows = 2 * kRows;
  batch.num_actions = kActions;
  batch.weights.assign(kRows, 1.0F);
  batch.labels = RandomFloats(batch.rows * kActions, rng);
  batch.rewards = RandomFloats(kRows, rng);
  batch.discounts.assign(kRows, 0.9F);
  for (std::uint32_t row = 0; row < kRows; ++row) {
    batch.actions.push_back(static_cast<std::int32_t>(rng.Below(kActions)));
    batch.truths.push_back(static_cast<std::int32_t>(rng.Below(kActions)));
  }
  batch.observations = RandomPacked(Network().Observation(), batch.rows, rng);
  return batch;
}

TEST(LayerMeasureTest, MeasuringChangesNothingAndNamesEveryPart) {
  Students watched = Two(), alone = Two();
  Rng rng(71);
  for (int update = 0; update < 6; ++update) {
    const auto batch = RandomBatch(rng);
    StudentTurn turn;
    turn.measure = true;
    const auto steps = watched.Update(batch, turn);
    const auto plain = alone.Update(batch);
    EXPECT_EQ(steps[1].loss, plain[1].loss);
    EXPECT_TRUE(plain[1].changes.Empty());
    ASSERT_EQ(steps[0].changes.parts.size(), 1U);
    EXPECT_EQ(steps[0].changes.parts[0].name, "teacher");
    if (update == 0) {
      // Adam's first step goes along the signs of the gradient: downhill in every layer.
      for (const float cosine : steps[0].changes.parts[0].cosine) EXPECT_GT(cosine, 0.3F);
    }
    std::vector<std::string> names;
    for (const auto& part : steps[1].changes.parts) {
      names.push_back(part.name);
      EXPECT_GT(part.norm.back(), 0) << part.name;
    }
    EXPECT_EQ(names, (std::vector<std::string>{"rewards", "teacher", "first", "truth"}));
    EXPECT_EQ(steps[1].changes.layers, (std::vector<std::string>{"1", "head"}));
  }
  EXPECT_EQ(watched.Parameters(1), alone.Parameters(1));
}

}  // namespace
}  // namespace stillhouse::learner
