#include "common/model/transfer.h"

#include <numeric>

#include <gmock/gmock.h>

namespace stillhouse {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

LayerSpec Linear(std::int64_t units) { return {.kind = LayerKind::kLinear, .units = units}; }
const LayerSpec kRelu{.kind = LayerKind::kRelu};

NetworkSpec Network(std::int64_t inputs, std::vector<std::int64_t> units, std::int32_t actions,
                    bool dueling = false) {
  std::vector<LayerSpec> layers;
  for (const auto width : units) {
    layers.push_back(Linear(width));
    layers.push_back(kRelu);
  }
  layers.push_back({.kind = LayerKind::kQHead, .dueling = dueling});
  return NetworkSpec::Create(std::move(layers), {ElementKind::kFloats, {inputs}}, actions);
}

/// 1, 2, 3, ... and nothing but zeros to begin with.
std::vector<float> Counted(const NetworkSpec& spec) {
  std::vector<float> values(static_cast<std::size_t>(spec.ParameterCount()));
  std::iota(values.begin(), values.end(), 1.0F);
  return values;
}
std::vector<float> Zeros(const NetworkSpec& spec) {
  return std::vector<float>(static_cast<std::size_t>(spec.ParameterCount()), 0.0F);
}

TEST(TransferTest, TheSameNetworkIsTakenWhole) {
  const auto spec = Network(4, {3, 2}, 2, true);
  const auto result = TransferParameters(spec, Counted(spec), spec, Zeros(spec));
  EXPECT_EQ(result.parameters, Counted(spec));
  EXPECT_THAT(result.layers, ElementsAre("0", "2", "value", "advantage"));
  EXPECT_THAT(result.fresh, IsEmpty());
}

TEST(TransferTest, OtherInputsAndActionsLeaveTheLayersBetween) {
  const auto from = Network(4, {3, 2}, 2);
  const auto to = Network(6, {3, 2}, 3);
  const auto result = TransferParameters(from, Counted(from), to, Zeros(to));
  EXPECT_THAT(result.layers, ElementsAre("2"));
  EXPECT_THAT(result.fresh, ElementsAre("0 [3,6], there [3,4]", "head [3,2], there [2,2]"));
  // There: 4 x 3 weights, 3 biases, then layer 2 with 3 x 2 and 2, which here begins at 21.
  const auto values = Counted(from);
  for (std::size_t i = 0; i < result.parameters.size(); ++i) {
    EXPECT_EQ(result.parameters[i], i >= 21 && i < 29 ? values[15 + i - 21] : 0.0F) << i;
  }
}

TEST(TransferTest, AnotherHeadIsNoneOfTheSame) {
  const auto from = Network(4, {3}, 2);
  const auto to = Network(4, {3}, 2, true);
  const auto result = TransferParameters(from, Counted(from), to, Zeros(to));
  EXPECT_THAT(result.layers, ElementsAre("0"));
  EXPECT_THAT(result.fresh, ElementsAre("value nothing of this name there",
                                        "advantage nothing of this name there"));
}

TEST(TransferTest, LayersOfAnotherKindAreNotTakenThoughTheirShapesAreAlike) {
  const TensorSpec image{ElementKind::kFloats, {2, 3, 3}};
  const LayerSpec head{.kind = LayerKind::kQHead};
  const LayerSpec flatten{.kind = LayerKind::kFlatten};
  const LayerSpec conv{.kind = LayerKind::kConv2d, .units = 2, .kernel = 1, .bias = false};
  const LayerSpec depthwise{.kind = LayerKind::kDepthwise, .kernel = 1, .bias = false};
  const auto from = NetworkSpec::Create({depthwise, flatten, head}, image, 2);
  const auto to = NetworkSpec::Create({conv, flatten, head}, image, 2);
  const auto result = TransferParameters(from, Counted(from), to, Zeros(to));
  EXPECT_THAT(result.layers, ElementsAre("head"));
  ASSERT_EQ(result.fresh.size(), 1U);
}

}  // namespace
}  // namespace stillhouse
