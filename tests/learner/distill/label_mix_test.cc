#include "learner/distill/label_mix.h"

#include <cmath>

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace stillhouse::learner {
namespace {

std::vector<double> Softmax(const std::vector<double>& q, double tau) {
  double sum = 0;
  std::vector<double> p;
  for (const double value : q) sum += std::exp(value / tau);
  for (const double value : q) p.push_back(std::exp(value / tau) / sum);
  return p;
}

std::vector<double> Mix(LossKind kind, double tau, const std::vector<double>& a,
                        const std::vector<double>& b, double share_of_a) {
  const std::vector<LabelShare<double>> shares = {{a, share_of_a}, {b, 1 - share_of_a}};
  return MixLabels<double>(kind, tau, 2, shares);
}

TEST(LabelMixTest, IsTheMeanOfTheProbabilitiesNotOfTheLogits) {
  // 0.8 / 0.2 and 0.4 / 0.6, three parts to one: 0.7 / 0.3. The mean of the logits would give
  // sigmoid(0.75 ln 4 + 0.25 ln(2/3)) = 0.719.
  const std::vector<double> a = {std::log(0.8), std::log(0.2)};
  const std::vector<double> b = {std::log(0.4), std::log(0.6)};
  const auto p = Softmax(Mix(LossKind::kKl, 1, a, b, 0.75), 1);
  EXPECT_NEAR(p[0], 0.7, 1e-12);
  EXPECT_NEAR(p[1], 0.3, 1e-12);
}

TEST(LabelMixTest, MixesAtTheTemperatureOfTheLoss) {
  const std::vector<double> a = {1.0, 1.1};
  const std::vector<double> b = {0.3, 0.1};
  const auto mixed = Softmax(Mix(LossKind::kKl, 0.1, a, b, 0.5), 0.1);
  const auto pa = Softmax(a, 0.1), pb = Softmax(b, 0.1);
  EXPECT_NEAR(mixed[0], (pa[0] + pb[0]) / 2, 1e-12);
}

TEST(LabelMixTest, OfSquaredErrorsIsTheMeanOfQ) {
  EXPECT_EQ(Mix(LossKind::kMse, 1, {1, 2}, {5, -2}, 0.25), (std::vector<double>{4, -1}));
}

TEST(LabelMixTest, ASourceThatIsSureOutweighsOneThatDoubts) {
  // By probabilities 0.01 / 0.99 and 0.6 / 0.4 choose the second action at equal weights.
  const std::vector<double> a = {std::log(0.01), std::log(0.99)};
  const std::vector<double> b = {std::log(0.6), std::log(0.4)};
  const auto mixed = Mix(LossKind::kNll, 0.01, a, b, 0.5);
  EXPECT_GT(mixed[1], mixed[0]);
}

TEST(LabelMixTest, IsFiniteForHugeOutputs) {
  const std::vector<float> a = {1e4F, -1e4F};
  const std::vector<float> b = {-1e4F, 1e4F};
  const std::vector<LabelShare<float>> shares = {{a, 0.5}, {b, 0.5}};
  for (const float value : MixLabels<float>(LossKind::kKl, 0.01, 2, shares)) {
    EXPECT_NEAR(value, 0.01 * std::log(0.5), 1e-5);
  }
}

TEST(LabelMixTest, RefusesSourcesOfDifferentSizes) {
  const std::vector<float> a = {1, 2}, b = {1, 2, 3, 4};
  const std::vector<LabelShare<float>> shares = {{a, 0.5}, {b, 0.5}};
  EXPECT_THROW(MixLabels<float>(LossKind::kKl, 0.01, 2, shares), ShapeError);
}

}  // namespace
}  // namespace stillhouse::learner
