// The fused network against autograd, and the models built on both.
#include "learner/nn/fused_network.h"

#include <array>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "common/base/error.h"
#include "learner/nn/torch_network.h"
#include "learner/nn/trained_model.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

torch::Tensor ToTensor(const std::vector<float>& values) {
  return torch::tensor(torch::ArrayRef<float>(values.data(), values.size()), torch::kFloat32);
}

torch::Tensor Observations(const NetworkSpec& spec, std::vector<std::uint8_t>& packed) {
  const auto bytes = spec.Observation().PackedBytes();
  return UnpackObservations(
      spec.Observation(),
      torch::from_blob(packed.data(), {std::ssize(packed) / bytes, bytes}, torch::kUInt8));
}

void ExpectNear(std::span<const float> got, std::span<const float> expected, float tolerance,
                const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], expected[i], tolerance * (1 + std::abs(expected[i])))
        << what << ", value " << i;
  }
}

std::span<const float> Values(const torch::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

// 1e-5 relative: float sums of up to 1024 terms in another order.
TEST(FusedNetworkTest, EqualsAutogradForEveryLayerAndElementKind) {
  Rng rng(11);
  for (const NetworkSpec& spec : VariedNetworks()) {
    SCOPED_TRACE(spec.ToString() + " on " + spec.Observation().ToString());
    const auto initial = InitialParameters(spec, rng);
    FusedNetwork network(spec);
    const auto parameters = network.ToFused(initial);
    for (const std::size_t rows : {1U, 7U, 40U}) {
      auto packed = RandomPacked(spec.Observation(), rows, rng);
      const auto actions = static_cast<std::size_t>(spec.NumActions());
      const auto cotangent = RandomFloats(rows * actions, rng);

      const auto leaf = ToTensor(initial).requires_grad_(true);
      const auto expected = TorchForward(spec, leaf, Observations(spec, packed));
      expected.backward(ToTensor(cotangent).view({-1, spec.NumActions()}));

      const PackedRows part = packed;
      const auto q = network.Forward(parameters, {&part, 1});
      ExpectNear(q, Values(expected), 1e-5F, "q");
      std::vector<float> gradient(parameters.size(), 7.0F);
      network.Backward(parameters, cotangent, gradient);
      ExpectNear(network.ToCanonical(gradient), Values(leaf.grad()), 1e-5F, "gradient");
    }
  }
}

TEST(FusedNetworkTest, TakesPartsInTurnAndDifferentiatesTheFirstRowsOnly) {
  Rng rng(12);
  for (const NetworkSpec& spec : VariedNetworks()) {
    FusedNetwork network(spec);
    const auto parameters = network.ToFused(InitialParameters(spec, rng));
    const auto actions = static_cast<std::size_t>(spec.NumActions());
    const auto first = RandomPacked(spec.Observation(), 5, rng);
    const auto second = RandomPacked(spec.Observation(), 3, rng);
    const auto cotangent = RandomFloats(5 * actions, rng);
    const std::array<PackedRows, 2> parts = {first, second};
    std::vector<float> of_both(parameters.size());
    std::vector<float> of_first(parameters.size());
    const auto q = network.Forward(parameters, parts);
    const std::vector<float> q_both(q.begin(), q.end());
    network.Backward(parameters, cotangent, of_both);
    ASSERT_EQ(q_both.size(), 8 * actions);
    const auto q_first = network.Forward(parameters, {parts.data(), 1});
    ExpectNear(q_first, std::span(q_both).first(5 * actions), 1e-6F, "q");
    network.Backward(parameters, cotangent, of_first);
    ExpectNear(of_both, of_first, 1e-6F, "gradient");
  }
}

TEST(FusedNetworkTest, FusedOrderIsAPermutation) {
  for (const NetworkSpec& spec : VariedNetworks()) {
    std::vector<float> values(static_cast<std::size_t>(spec.ParameterCount()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    const FusedNetwork network(spec);
    EXPECT_EQ(network.ToCanonical(network.ToFused(values)), values) << spec.ToString();
  }
}

TEST(FusedNetworkTest, RefusesWrongSizes) {
  const auto specs = VariedNetworks();
  FusedNetwork network(specs[0]);
  EXPECT_THROW(network.ToFused(std::vector<float>(3)), ShapeError);
  const auto parameters =
      network.ToFused(std::vector<float>(static_cast<std::size_t>(specs[0].ParameterCount())));
  const std::vector<std::uint8_t> ragged(51);
  const PackedRows part = ragged;
  EXPECT_THROW(network.Forward(parameters, {&part, 1}), ShapeError);
}

TEST(TrainedModelTest, FusedAndTorchModelsLearnAlike) {
  Rng rng(13);
  const NetworkSpec spec = VariedNetworks()[0];
  const auto initial = InitialParameters(spec, rng);
  const OptimizerSettings optimizer{.learning_rate = 1e-3, .max_grad_norm = 0.5};
  const auto fused = MakeFusedModel(spec, optimizer, initial);
  const auto torch_model = MakeTorchModel(spec, optimizer, initial, "cpu");
  for (auto* model : {fused.get(), torch_model.get()}) model->UpdateTarget();
  for (int step = 0; step < 5; ++step) {
    const auto packed = RandomPacked(spec.Observation(), 8, rng);
    const auto cotangent = RandomFloats(8 * 6, rng);
    const PackedRows part = packed;
    std::array<double, 2> norms{};
    std::size_t which = 0;
    for (auto* model : {fused.get(), torch_model.get()}) {
      model->Forward({&part, 1});
      norms[which++] = model->Step(cotangent);
      model->MoveAverage(0.1);
    }
    EXPECT_NEAR(norms[0], norms[1], 1e-4 * norms[1]);
    EXPECT_GT(norms[0], 0.5);  // so that clipping is at work
  }
  ExpectNear(fused->Parameters(), torch_model->Parameters(), 1e-5F, "parameters");
  ExpectNear(fused->Average(), torch_model->Average(), 1e-5F, "average");
  const auto packed = RandomPacked(spec.Observation(), 2, rng);
  const PackedRows part = packed;
  const auto q = fused->ForwardTarget({&part, 1});
  ExpectNear(q, torch_model->ForwardTarget({&part, 1}), 1e-5F, "target network");
  fused->SetParameters(initial);
  EXPECT_EQ(fused->Parameters(), initial);
  ExpectNear(fused->Forward({&part, 1}), q, 1e-6F, "the target network kept the first parameters");
}

TEST(TrainedModelTest, RefusesDevicesThatDoNotExist) {
  EXPECT_EQ(ResolveDevice("cpu"), "cpu");
  EXPECT_THROW(ResolveDevice("tpu"), ConfigError);
  EXPECT_THROW(ResolveDevice("cuda:"), ConfigError);
  EXPECT_THROW(ResolveDevice("cuda:999"), ConfigError);
}

}  // namespace
}  // namespace stillhouse::learner
