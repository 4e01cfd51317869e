#include "learner/nn/flat_optimizer.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "common/base/error.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

std::unique_ptr<torch::optim::Optimizer> TorchOptimizer(const OptimizerSettings& settings,
                                                        const torch::Tensor& parameters) {
  if (settings.kind == OptimizerSettings::Kind::kAdam) {
    return std::make_unique<torch::optim::Adam>(std::vector{parameters},
                                                torch::optim::AdamOptions(settings.learning_rate)
                                                    .betas({settings.beta1, settings.beta2})
                                                    .eps(settings.epsilon));
  }
  return std::make_unique<torch::optim::RMSprop>(
      std::vector{parameters}, torch::optim::RMSpropOptions(settings.learning_rate)
                                   .alpha(settings.alpha)
                                   .eps(settings.epsilon)
                                   .momentum(settings.momentum)
                                   .centered(settings.centered));
}

void ExpectEqualToTorch(const OptimizerSettings& settings) {
  constexpr std::size_t kSize = 5003;  // no multiple of a vector
  Rng rng(5);
  auto values = RandomFloats(kSize, rng);
  const auto parameters =
      torch::tensor(torch::ArrayRef<float>(values.data(), kSize), torch::kFloat32)
          .requires_grad_(true);
  const auto reference = TorchOptimizer(settings, parameters);
  FlatOptimizer optimizer(settings, kSize);
  for (int step = 0; step < 20; ++step) {
    const auto gradient = RandomFloats(kSize, rng, step % 3 == 0 ? 2 : 0.05);
    parameters.mutable_grad() =
        torch::tensor(torch::ArrayRef<float>(gradient.data(), kSize), torch::kFloat32);
    double norm = parameters.grad().norm().item<double>();
    if (settings.max_grad_norm > 0) {
      norm = torch::nn::utils::clip_grad_norm_(std::vector{parameters}, settings.max_grad_norm);
    }
    reference->step();
    EXPECT_NEAR(optimizer.Step(values, gradient), norm, 1e-5 * norm);
  }
  // 1e-6: twenty steps of a few ulps of the parameters (about 1) each.
  for (std::size_t i = 0; i < kSize; ++i) {
    ASSERT_NEAR(values[i], parameters.data_ptr<float>()[i], 1e-6) << i;
  }
}

TEST(FlatOptimizerTest, AdamEqualsTorch) {
  ExpectEqualToTorch({.learning_rate = 1e-3, .max_grad_norm = 10});
  ExpectEqualToTorch({.learning_rate = 1e-3, .epsilon = 1.5e-4, .beta1 = 0.8, .max_grad_norm = 0});
}

TEST(FlatOptimizerTest, RmsPropEqualsTorchPlainCentredAndWithMomentum) {
  OptimizerSettings settings{.kind = OptimizerSettings::Kind::kRmsProp,
                             .learning_rate = 2.5e-4,
                             .epsilon = 0.01,
                             .alpha = 0.95};
  ExpectEqualToTorch(settings);
  settings.centered = true;
  ExpectEqualToTorch(settings);
  settings.momentum = 0.9;
  ExpectEqualToTorch(settings);
}

TEST(FlatOptimizerTest, TheFirstAdamStepHasTheLengthOfTheRate) {
  // m = 0.1 g, v = 0.001 g^2; corrected m / sqrt(v) = sign(g).
  FlatOptimizer optimizer({.learning_rate = 0.5, .epsilon = 0, .max_grad_norm = 0}, 2);
  std::vector<float> parameters = {1, 1};
  EXPECT_DOUBLE_EQ(optimizer.Step(parameters, std::vector<float>{3, -4}), 5);
  EXPECT_NEAR(parameters[0], 0.5, 1e-6);
  EXPECT_NEAR(parameters[1], 1.5, 1e-6);
}

TEST(FlatOptimizerTest, RefusesAGradientThatIsNotFiniteAndKeepsTheParameters) {
  FlatOptimizer optimizer({}, 40);
  std::vector<float> parameters(40, 1.0F);
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> gradient(40, 1.0F);
    gradient[17] = bad;
    EXPECT_THROW(optimizer.Step(parameters, gradient), NumericError);
    EXPECT_EQ(parameters, std::vector<float>(40, 1.0F));
  }
}

TEST(FlatOptimizerTest, NormsOfHugeFiniteGradientsAreRight) {
  const std::vector<float> gradient(64, 1e30F);
  EXPECT_NEAR(GradientNorm(gradient) / 8e30, 1, 1e-6);
  EXPECT_DOUBLE_EQ(ClipFactor(5, 10), 1);
  EXPECT_DOUBLE_EQ(ClipFactor(5, 0), 1);
  EXPECT_NEAR(ClipFactor(20, 10), 0.5, 1e-6);
}

}  // namespace
}  // namespace stillhouse::learner
