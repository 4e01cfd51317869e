#include <limits>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "learner/td/td_losses.h"
#include "learner/td/td_targets.h"

namespace stillhouse::learner {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct TargetCase {
  std::vector<double> rewards = {1, 2, -1};
  std::vector<double> discounts = {0.9, 0, 0.81};
  std::vector<double> target = {10, 20, kNan, kNan, 3, 3};
  std::vector<double> online = {5, 4, kNan, kNan, 7, 7};
  TdRows<double> Rows() const { return {2, rewards, discounts, target, online}; }
};

TEST(TdTargetsTest, OneStepTakesTheGreatestValueOfTheTargetNetwork) {
  const TargetCase c;
  // 1 + 0.9 * 20; a terminal row ignores even NaN; -1 + 0.81 * 3
  const auto targets = OneStepTargets(c.Rows());
  EXPECT_DOUBLE_EQ(targets[0], 19);
  EXPECT_DOUBLE_EQ(targets[1], 2);
  EXPECT_DOUBLE_EQ(targets[2], 1.43);
}

TEST(TdTargetsTest, DoubleLetsTheOnlineNetworkChoose) {
  const TargetCase c;
  EXPECT_DOUBLE_EQ(DoubleTargets(c.Rows())[0], 10);  // 1 + 0.9 * 10: online prefers action 0
}

TEST(TdTargetsTest, TheLowestIndexWinsATie) {
  const std::vector<double> one = {1};
  const std::vector<double> q_target = {5, 6, 7};
  const std::vector<double> q_online = {0, 2, 2};
  EXPECT_DOUBLE_EQ(DoubleTargets(TdRows<double>{3, one, one, q_target, q_online})[0], 7);
}

TEST(TdTargetsTest, IllegalActionsAreNeverChosen) {
  TargetCase c;
  const std::vector<std::uint8_t> legal = {0, 1, 0, 0, 1, 1};
  auto rows = c.Rows();
  rows.legal = legal;
  EXPECT_DOUBLE_EQ(DoubleTargets(rows)[0], 19);  // action 1: 1 + 0.9 * 20
  c.discounts[1] = 0.5;
  EXPECT_THROW(DoubleTargets(rows), ShapeError);  // row 1 has no legal action
}

TEST(TdTargetsTest, RefusesSizesThatDoNotFit) {
  TargetCase c;
  c.discounts.pop_back();
  EXPECT_THROW(OneStepTargets(c.Rows()), ShapeError);
}

struct LossCase {
  std::vector<double> q = {1, 2, 3, 4};
  std::vector<std::int32_t> actions = {1, 0};
  std::vector<double> targets = {1.5, 6};  // u = 0.5 and -3
  std::vector<double> weights = {1, 0.5};
  TdLoss<double> Compute(AlgorithmSettings::Loss kind, double delta) const {
    return ComputeTdLoss<double>(2, q, actions, targets, weights, kind, delta);
  }
};

TEST(TdLossTest, SquaredHasNoHalf) {
  const auto loss = LossCase{}.Compute(AlgorithmSettings::Loss::kSquared, 1);
  EXPECT_EQ(loss.td_errors, (std::vector<double>{0.5, 3}));
  EXPECT_EQ(loss.per_sample, (std::vector<double>{0.25, 9}));
  EXPECT_DOUBLE_EQ(loss.loss, (0.25 + 0.5 * 9) / 2);
  // 2 w u / B at the actions taken
  EXPECT_EQ(loss.q_gradient, (std::vector<double>{0, 0.5, -1.5, 0}));
}

TEST(TdLossTest, HuberIsLinearBeyondDelta) {
  const auto loss = LossCase{}.Compute(AlgorithmSettings::Loss::kHuber, 2);
  EXPECT_EQ(loss.per_sample, (std::vector<double>{0.125, 4}));  // 2 (3 - 1)
  EXPECT_DOUBLE_EQ(loss.loss, (0.125 + 0.5 * 4) / 2);
  EXPECT_EQ(loss.q_gradient, (std::vector<double>{0, 0.25, -0.5, 0}));
}

TEST(TdLossTest, RefusesActionsThatDoNotExist) {
  LossCase c;
  c.actions[1] = 2;
  EXPECT_THROW(c.Compute(AlgorithmSettings::Loss::kHuber, 1), ShapeError);
  c.actions[1] = -1;
  EXPECT_THROW(c.Compute(AlgorithmSettings::Loss::kHuber, 1), ShapeError);
}

}  // namespace
}  // namespace stillhouse::learner
