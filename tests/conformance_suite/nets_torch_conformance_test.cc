// nets/*.gten: outputs and gradients of the two training backends.
#include <cmath>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "learner/nn/fused_network.h"
#include "learner/nn/torch_network.h"
#include "tests/support/conformance_data.h"
#include "tests/support/gten_file.h"

namespace stillhouse::learner {
namespace {

void ExpectClose(std::span<const float> found, std::span<const double> expected, double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(static_cast<double>(found[i]), expected[i],
                tolerance + tolerance * std::abs(expected[i]))
        << "value " << i;
  }
}

torch::Tensor ToTensor(const std::vector<float>& values) {
  return torch::tensor(torch::ArrayRef<float>(values.data(), values.size()), torch::kFloat32);
}

std::span<const float> Values(const torch::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())};
}

/// The README's tolerances for outputs and gradients in float32.
constexpr double kOutputTolerance = 1e-5;
constexpr double kGradientTolerance = 1e-4;

struct NetCase {
  explicit NetCase(const std::filesystem::path& path)
      : file(GtenFile::Read(path)),
        description(DescribeGtenNetwork(file)),
        spec(description.Spec()),
        parameters(FlatGtenParameters(file, description)),
        input(file.Get("input").Floats()) {
    if (!file.Has("cotangent")) return;
    cotangent = file.Get("cotangent").Floats();
    const auto flat = FlatGtenParameters(file, description, "grad.");
    gradient.assign(flat.begin(), flat.end());
  }

  GtenFile file;
  GtenNetwork description;
  NetworkSpec spec;
  std::vector<float> parameters;
  std::vector<float> input;
  std::vector<float> cotangent;  ///< empty: the file has no gradients
  std::vector<double> gradient;
};

class NetsTrainingConformanceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto directory = stillhouse::testing::ConformanceDirectory() / "nets";
    if (!std::filesystem::is_directory(directory)) GTEST_SKIP() << directory << " is missing";
    for (const auto& path : ListGtenFiles(directory)) cases_.emplace_back(path);
    ASSERT_FALSE(cases_.empty());
  }
  std::vector<NetCase> cases_;
};

TEST_F(NetsTrainingConformanceTest, Torch) {
  for (const NetCase& net : cases_) {
    SCOPED_TRACE(net.file.Name());
    auto shape = net.spec.Observation().shape;
    shape.insert(shape.begin(), -1);
    const auto leaf = ToTensor(net.parameters).requires_grad_(true);
    const auto q = TorchForward(net.spec, leaf, ToTensor(net.input).view(shape));
    ExpectClose(Values(q), net.file.Get("output").values, kOutputTolerance);
    if (net.cotangent.empty()) continue;
    q.backward(ToTensor(net.cotangent).view(q.sizes()));
    ExpectClose(Values(leaf.grad()), net.gradient, kGradientTolerance);
  }
}

TEST_F(NetsTrainingConformanceTest, Fused) {
  for (const NetCase& net : cases_) {
    SCOPED_TRACE(net.file.Name());
    FusedNetwork network(net.spec);
    const auto parameters = network.ToFused(net.parameters);
    const PackedRows part(reinterpret_cast<const std::uint8_t*>(net.input.data()),
                          net.input.size() * sizeof(float));
    const auto q = network.Forward(parameters, {&part, 1});
    ExpectClose(q, net.file.Get("output").values, kOutputTolerance);
    ExpectClose(q, net.file.Get("output64").values, kOutputTolerance);
    if (net.cotangent.empty()) continue;
    std::vector<float> gradient(parameters.size());
    network.Backward(parameters, net.cotangent, gradient);
    ExpectClose(network.ToCanonical(gradient), net.gradient, kGradientTolerance);
  }
}

}  // namespace
}  // namespace stillhouse::learner
