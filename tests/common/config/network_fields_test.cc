#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/config/config_check.h"
#include "common/config/config_fields.h"
#include "common/config/config_load.h"

namespace stillhouse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string File(const std::string& layers) {
  return "env: {id: minatar/breakout}\nteacher:\n  network:\n    layers: " + layers + "\n";
}

std::string ErrorsOf(const std::string& layers) {
  try {
    LoadConfigText(File(layers), "c.yaml");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

EnvironmentSpec Breakout() {
  EnvironmentSpec spec;
  spec.id = "minatar/breakout";
  spec.observation = {ElementKind::kBits, {4, 10, 10}};
  spec.num_actions = 6;
  return spec;
}

TEST(NetworkFieldsTest, ReadsEveryLayer) {
  const RunConfig config = LoadConfigText(
      File("[{conv2d: {filters: 16, kernel: 3, stride: 2, padding: 1}}, relu, tanh, flatten, "
           "{linear: 128}, {q_head: {dueling: true}}]"),
      "c.yaml");
  EXPECT_THAT(
      config.teacher.network,
      ElementsAre(
          LayerSpec{
              .kind = LayerKind::kConv2d, .units = 16, .kernel = 3, .stride = 2, .padding = 1},
          LayerSpec{.kind = LayerKind::kRelu}, LayerSpec{.kind = LayerKind::kTanh},
          LayerSpec{.kind = LayerKind::kFlatten},
          LayerSpec{.kind = LayerKind::kLinear, .units = 128},
          LayerSpec{.kind = LayerKind::kQHead, .dueling = true}));
}

TEST(NetworkFieldsTest, APlainHeadIsNotDueling) {
  const RunConfig config = LoadConfigText(File("[flatten, q_head]"), "c.yaml");
  EXPECT_FALSE(config.teacher.network.back().dueling);
}

TEST(NetworkFieldsTest, SuggestsTheNearestLayerAndOption) {
  EXPECT_EQ(ErrorsOf("[rellu, q_head]"),
            "c.yaml:4: teacher.network.layers[0]: unknown layer 'rellu'; did you mean 'relu'?");
  EXPECT_THAT(ErrorsOf("[{conv2d: {filter: 3, kernel: 3}}, q_head]"),
              HasSubstr("teacher.network.layers[0].conv2d.filter: unknown key; did you mean "
                        "'filters'?"));
}

TEST(NetworkFieldsTest, RefusesMalformedLayers) {
  EXPECT_THAT(ErrorsOf("[]"), HasSubstr("expected a list of 1 to 512 layers"));
  EXPECT_THAT(ErrorsOf("relu"), HasSubstr("expected a list of 1 to 512 layers"));
  EXPECT_THAT(ErrorsOf("[linear, q_head]"), HasSubstr("linear needs its outputs"));
  EXPECT_THAT(ErrorsOf("[{linear: 0}, q_head]"), HasSubstr("expected whole number, 1 to 65536"));
  EXPECT_THAT(ErrorsOf("[{conv2d: {filters: 4}}, q_head]"), HasSubstr("needs filters and kernel"));
  EXPECT_THAT(ErrorsOf("[{linear: 3, relu: ~}, q_head]"), HasSubstr("expected one layer"));
  EXPECT_THAT(ErrorsOf("[relu, {relu: 3}, q_head]"), HasSubstr("layers[1].relu"));
  EXPECT_THAT(ErrorsOf("[flatten, relu]"), HasSubstr("the last layer must be q_head"));
  EXPECT_THAT(ErrorsOf("[flatten, q_head, relu, q_head]"), HasSubstr("q_head must be the last"));
}

TEST(NetworkFieldsTest, ReadsAndPrintsResidualBlocksWithinOneAnother) {
  const std::string text =
      "[{residual: {layers: [{conv2d: {filters: 4, kernel: 3, stride: 1, padding: 1, bias: "
      "false}}, "
      "{norm: {groups: 2}}, {residual: {layers: [relu]}}], shortcut: [{depthwise_conv2d: {kernel: "
      "3, stride: 1, padding: 1}}]}}, {max_pool: {kernel: 2, stride: 2, padding: 0}}, mean_pool, "
      "{q_head: {dueling: false}}]";
  const auto layers = LoadConfigText(File(text), "c.yaml").teacher.network;
  std::vector<LayerKind> kinds;
  for (const LayerSpec& layer : layers) kinds.push_back(layer.kind);
  using K = LayerKind;
  EXPECT_THAT(kinds, ElementsAre(K::kResidual, K::kConv2d, K::kNorm, K::kResidual, K::kRelu,
                                 K::kJoin, K::kShortcut, K::kDepthwise, K::kJoin, K::kMaxPool,
                                 K::kMeanPool, K::kQHead));
  EXPECT_FALSE(layers[1].bias);
  EXPECT_EQ(PrintLayers(layers), text);
}

TEST(NetworkFieldsTest, APoolMovesByItsKernelUnlessItSaysOtherwise) {
  const auto stride = [](const std::string& pool) {
    return LoadConfigText(File("[{max_pool: " + pool + "}, flatten, q_head]"), "c.yaml")
        .teacher.network.front()
        .stride;
  };
  EXPECT_EQ(stride("{kernel: 3}"), 3);
  EXPECT_EQ(stride("{kernel: 3, stride: 1}"), 1);
}

TEST(NetworkFieldsTest, RefusesBlocksThatCannotBe) {
  EXPECT_THAT(ErrorsOf("[residual, q_head]"), HasSubstr("residual needs its layers"));
  EXPECT_THAT(ErrorsOf("[{residual: {layers: []}}, q_head]"), HasSubstr("expected a list"));
  EXPECT_THAT(ErrorsOf("[{residual: {layer: [relu]}}, q_head]"), HasSubstr("layer: unknown key"));
  EXPECT_THAT(ErrorsOf("[{residual: {layers: [q_head]}}, q_head]"),
              HasSubstr("layers[0].residual.layers[0]: q_head must be the last layer"));
  EXPECT_THAT(ErrorsOf("[{embedding: {width: 4}}, q_head]"),
              HasSubstr("needs vocabulary and width"));
  EXPECT_THAT(ErrorsOf("[max_pool, q_head]"), HasSubstr("max_pool needs a kernel"));
}

TEST(CheckNetworksTest, DefaultNetworksFitMinAtarAndVectors) {
  EXPECT_THAT(CheckNetworks(LoadConfigText("{env: {id: minatar/breakout}, students: {s: {}}}", "c"),
                            Breakout()),
              ElementsAre());
  EnvironmentSpec cart_pole;
  cart_pole.observation = {ElementKind::kFloats, {4}};
  cart_pole.num_actions = 2;
  EXPECT_THAT(
      CheckNetworks(LoadConfigText("{env: {id: classic/cart_pole}, students: {s: {}}}", "c"),
                    cart_pole),
      ElementsAre());
}

TEST(CheckNetworksTest, NamesModelAndLayerThatDoNotFit) {
  const RunConfig config = LoadConfigText(
      "env: {id: minatar/breakout}\n"
      "teacher: {network: {layers: [relu, {linear: 3}, q_head]}}\n"
      "students: {tiny: {network: {layers: [{conv2d: {filters: 1, kernel: 11}}, flatten, "
      "q_head]}}}\n",
      "c.yaml");
  EXPECT_THAT(CheckNetworks(config, Breakout()),
              ElementsAre(StartsWith("teacher.network: layer 1"),
                          StartsWith("students.tiny.network: layer 0")));
}

}  // namespace
}  // namespace stillhouse
