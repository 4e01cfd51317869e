#include "learner/td/cross_entropy.h"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/rng.h"

namespace stillhouse::learner {
namespace {

TEST(CrossEntropyTest, IsWhatAHandComputes) {
  // softmax(ln 1, ln 2, ln 5) = 1/8, 2/8, 5/8; the label has 2/8. Weight 3, batch of 1.
  const std::vector<double> q = {0, std::log(2), std::log(5)};
  const std::vector<std::int32_t> label = {1};
  const std::vector<double> weight = {3};
  const auto loss = ComputeCrossEntropy<double>(3, q, label, weight);
  EXPECT_NEAR(loss.loss, 3 * std::log(4), 1e-12);
  EXPECT_NEAR(loss.per_sample[0], std::log(4), 1e-12);
  EXPECT_NEAR(loss.td_errors[0], 0.75, 1e-12);
  EXPECT_NEAR(loss.q_gradient[0], 3 * 0.125, 1e-12);
  EXPECT_NEAR(loss.q_gradient[1], 3 * (0.25 - 1), 1e-12);
  EXPECT_NEAR(loss.q_gradient[2], 3 * 0.625, 1e-12);
}

TEST(CrossEntropyTest, TheGradientIsThatOfFiniteDifferences) {
  Rng rng(3);
  std::vector<double> q(4 * 5);
  std::vector<double> weights(4);
  std::vector<std::int32_t> labels(4);
  for (double& value : q) value = 4 * rng.Uniform() - 2;
  for (double& value : weights) value = rng.Uniform();
  for (auto& label : labels) label = static_cast<std::int32_t>(rng.Below(5));
  const auto loss = ComputeCrossEntropy<double>(5, q, labels, weights);
  constexpr double kStep = 1e-6;
  for (std::size_t i = 0; i < q.size(); ++i) {
    const double middle = q[i];
    q[i] = middle + kStep;
    const double up = ComputeCrossEntropy<double>(5, q, labels, weights).loss;
    q[i] = middle - kStep;
    const double down = ComputeCrossEntropy<double>(5, q, labels, weights).loss;
    q[i] = middle;
    EXPECT_NEAR(loss.q_gradient[i], (up - down) / (2 * kStep), 1e-8);
  }
}

TEST(CrossEntropyTest, IsFiniteForHugeLogitsAndRefusesLabelsThatDoNotExist) {
  const std::vector<float> q = {1e4F, -1e4F};
  const std::vector<float> weight = {1};
  const std::vector<std::int32_t> wrong = {1};
  const auto loss = ComputeCrossEntropy<float>(2, q, wrong, weight);
  EXPECT_EQ(loss.loss, 2e4F);
  EXPECT_EQ(loss.q_gradient[1], -1.0F);
  const std::vector<std::int32_t> none = {2};
  EXPECT_THROW(ComputeCrossEntropy<float>(2, q, none, weight), ShapeError);
}

}  // namespace
}  // namespace stillhouse::learner
