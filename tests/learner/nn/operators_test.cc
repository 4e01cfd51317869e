// The layers that only autograd trains: the native runner against LibTorch.
#include <cmath>
#include <utility>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "common/model/native_network.h"
#include "learner/nn/torch_network.h"
#include "learner/nn/trained_model.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

const LayerSpec kMeanPool = Plain(LayerKind::kMeanPool);
const LayerSpec kResidual = Plain(LayerKind::kResidual);
const LayerSpec kShortcut = Plain(LayerKind::kShortcut);
const LayerSpec kJoin = Plain(LayerKind::kJoin);

LayerSpec Pool(std::int64_t kernel, std::int64_t stride, std::int64_t padding = 0) {
  return {.kind = LayerKind::kMaxPool, .kernel = kernel, .stride = stride, .padding = padding};
}
LayerSpec Depthwise(std::int64_t kernel, std::int64_t stride, std::int64_t padding, bool bias) {
  return {.kind = LayerKind::kDepthwise,
          .kernel = kernel,
          .stride = stride,
          .padding = padding,
          .bias = bias};
}
LayerSpec Norm(std::int64_t groups) { return {.kind = LayerKind::kNorm, .groups = groups}; }
LayerSpec WithoutBias(LayerSpec layer) {
  layer.bias = false;
  return layer;
}

LayerSpec View(std::int64_t channels, std::int64_t size, std::int64_t from) {
  return {.kind = LayerKind::kView, .units = channels, .kernel = size, .offset = from};
}

std::vector<NetworkSpec> OperatorNetworks() {
  const TensorSpec bits{ElementKind::kBits, {4, 10, 10}};
  const TensorSpec image{ElementKind::kUnitBytes, {3, 9, 11}};
  const TensorSpec floats{ElementKind::kFloats, {6}};
  const TensorSpec tokens{ElementKind::kFloats, {7}};
  const std::vector<std::pair<TensorSpec, std::vector<LayerSpec>>> all = {
      {bits, {Conv(5, 3), Pool(2, 2), kReluLayer, kFlattenLayer, Linear(9), Head(false)}},
      {image, {Pool(3, 2, 1), Conv(20, 3, 1, 1), kReluLayer, kMeanPool, Head(true)}},
      {image,
       {WithoutBias(Conv(6, 3, 1, 1)), Norm(3), kReluLayer, Depthwise(3, 2, 1, false), Norm(1),
        kFlattenLayer, Head(false)}},
      {bits,
       {WithoutBias(Conv(17, 3)), kReluLayer, Depthwise(3, 1, 0, true), kMeanPool, Head(true)}},
      {floats, {View(4, 0, 2), Linear(5), kReluLayer, Head(false)}},
      {TensorSpec{ElementKind::kFloats, {3 + 2 * 16}},
       {View(2, 4, 3), Conv(5, 3), kReluLayer, kFlattenLayer, Head(true)}},
      {bits, {View(3, 5, 100), Pool(2, 1), kFlattenLayer, Head(false)}},
      {floats, {Norm(2), Linear(5), Norm(5), kReluLayer, Head(false)}},
      {image, {Conv(6, 3, 1, 1), kFlattenLayer, Norm(1), Head(false)}},
      // Blocks with and without layers on the other path, and one within another.
      {image,
       {kResidual,
        Conv(3, 3, 1, 1),
        kReluLayer,
        Conv(3, 1),
        kJoin,
        kReluLayer,
        kResidual,
        Conv(8, 3, 2, 1),
        Norm(2),
        kReluLayer,
        kResidual,
        Depthwise(3, 1, 1, true),
        kJoin,
        kShortcut,
        WithoutBias(Conv(8, 1, 2)),
        Norm(1),
        kJoin,
        kReluLayer,
        kMeanPool,
        Head(false)}},
      {floats,
       {kResidual, kTanhLayer, kJoin, Linear(6), kReluLayer, kResidual, Linear(18), kReluLayer,
        Linear(6), kShortcut, kTanhLayer, kJoin, Head(true)}},
      {tokens,
       {{.kind = LayerKind::kEmbedding, .units = 5, .vocabulary = 12},
        Linear(4),
        kReluLayer,
        Head(false)}},
  };
  std::vector<NetworkSpec> specs;
  for (const auto& [observation, layers] : all) {
    specs.push_back(NetworkSpec::Create(layers, observation, 4));
  }
  return specs;
}

/// Observations of the right kind; tokens from -1 (none) to one above the vocabulary (none).
std::vector<std::uint8_t> Rows(const NetworkSpec& spec, std::size_t rows, Rng& rng) {
  const TensorSpec& observation = spec.Observation();
  auto packed = RandomPacked(observation, rows, rng);
  if (spec.Layers()[0].kind == LayerKind::kEmbedding) {
    std::vector<float> tokens(packed.size() / sizeof(float));
    for (float& token : tokens) token = static_cast<float>(rng.Below(14)) - 1;
    std::fill_n(tokens.begin(), observation.Elements(), 0.0F);  // a text without tokens
    std::copy_n(reinterpret_cast<const std::uint8_t*>(tokens.data()), packed.size(), packed.data());
  }
  return packed;
}

torch::Tensor Floats(const NetworkSpec& spec, std::vector<std::uint8_t> packed, std::int64_t rows) {
  const auto bytes =
      torch::from_blob(packed.data(), {rows, spec.Observation().PackedBytes()}, torch::kUInt8);
  return UnpackObservations(spec.Observation(), bytes.clone());
}

TEST(OperatorsTest, TheNativeRunnerAgreesWithLibTorch) {
  constexpr std::int64_t kRows = 37;  // more than a tile, and not a multiple of one
  for (const NetworkSpec& spec : OperatorNetworks()) {
    SCOPED_TRACE(spec.ToString());
    Rng rng(17);
    auto parameters = InitialParameters(spec, rng);
    for (float& value : parameters) value += static_cast<float>(0.2 * (rng.Uniform() - 0.5));
    const auto packed = Rows(spec, kRows, rng);
    NativeNetwork native(spec);
    native.SetParameters(parameters);
    std::vector<float> q(kRows * 4);
    native.Forward(packed, kRows, q);
    const auto flat = torch::from_blob(parameters.data(), {std::ssize(parameters)});
    const auto expected = TorchForward(spec, flat, Floats(spec, packed, kRows));
    for (std::int64_t i = 0; i < kRows * 4; ++i) {
      // Sums of some hundred products in another order.
      EXPECT_NEAR(q[static_cast<std::size_t>(i)], expected.view(-1)[i].item<float>(), 2e-5) << i;
    }
    std::vector<float> alone(4);
    const auto bytes = static_cast<std::size_t>(spec.Observation().PackedBytes());
    native.Forward(std::span(packed).subspan(34 * bytes, bytes), 1, alone);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), q.begin() + 34 * 4)) << "batch independence";
    if (spec.Layers()[0].kind != LayerKind::kEmbedding) continue;
    NativeNetwork again(spec, KernelChoice::kAvx2);
    again.SetParameters(parameters);
    std::vector<float> narrow(q.size());
    again.Forward(packed, kRows, narrow);
    EXPECT_EQ(narrow, q);
  }
}

TEST(OperatorsTest, TheyAreTrainedByAutogradOnTheCpuToo) {
  for (const NetworkSpec& spec : OperatorNetworks()) {
    SCOPED_TRACE(spec.ToString());
    ASSERT_TRUE(spec.NeedsAutograd());
    Rng rng(5);
    OptimizerSettings optimizer;
    optimizer.learning_rate = 1e-2;
    const auto model = MakeTrainedModel(spec, optimizer, InitialParameters(spec, rng), "cpu");
    const auto packed = Rows(spec, 4, rng);
    const PackedRows rows = packed;
    // Q towards 1 everywhere: every parameter tensor that matters moves the right way.
    const auto loss = [&](bool step) {
      const auto q = model->Forward({&rows, 1});
      std::vector<float> gradient(q.begin(), q.end());
      double sum = 0;
      for (float& value : gradient) {
        value -= 1;
        sum += static_cast<double>(value) * static_cast<double>(value);
      }
      if (step) model->Step(gradient);
      return sum;
    };
    const double before = loss(false);
    for (int i = 0; i < 60; ++i) loss(true);
    EXPECT_LT(loss(false), 0.2 * before);
  }
}

TEST(OperatorsTest, OrdinaryNetworksStayWithTheFusedBackend) {
  for (const NetworkSpec& spec : VariedNetworks()) EXPECT_FALSE(spec.NeedsAutograd());
}

}  // namespace
}  // namespace stillhouse::learner
