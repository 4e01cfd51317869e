#include "common/run/fidelity.h"

#include <vector>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/run/paired_returns.h"

namespace stillhouse {
namespace {

TEST(FidelityTest, IsTheMeanOverStates) {
  const Fidelity fidelity = FidelityOf({.states = 4,
                                        .agreeing = 3,
                                        .regret = 0.5,
                                        .kl = 2,
                                        .gap = 10,
                                        .gap_agreeing = 9,
                                        .q_error = 16});
  EXPECT_EQ(fidelity.states, 4U);
  EXPECT_DOUBLE_EQ(fidelity.agreement, 0.75);
  EXPECT_DOUBLE_EQ(fidelity.gap_agreement, 0.9) << "it errs where little is lost";
  EXPECT_DOUBLE_EQ(fidelity.regret, 0.125);
  EXPECT_DOUBLE_EQ(fidelity.kl, 0.5);
  EXPECT_DOUBLE_EQ(fidelity.q_error, 2);
}

TEST(FidelityTest, OfNoStatesOrNoGapsIsNotNan) {
  EXPECT_EQ(FidelityOf({}).gap_agreement, 0);
  EXPECT_DOUBLE_EQ(FidelityOf({.states = 2, .agreeing = 1}).gap_agreement, 0.5);
}

TEST(PairedReturnsTest, ComparesSeedBySeed) {
  std::vector<double> other;
  std::vector<double> better;
  for (int i = 0; i < 30; ++i) {
    other.push_back(i * i % 17);
    better.push_back(other.back() + 2);
  }
  Rng rng(1);
  const PairedReturns paired = ComparePaired(better, other, rng);
  EXPECT_DOUBLE_EQ(paired.difference, 2);
  EXPECT_NEAR(paired.difference_ci95.low, 2, 1e-9);
  EXPECT_NEAR(paired.difference_ci95.high, 2, 1e-9);
  EXPECT_GT(paired.improvement, 0.5);
  EXPECT_LT(paired.improvement, 1) << "the seeds differ by more than the models";
  const PairedReturns same = ComparePaired(other, other, rng);
  EXPECT_DOUBLE_EQ(same.improvement, 0.5);
  EXPECT_EQ(same.difference_ci95, (Interval{0, 0}));
}

TEST(PairedReturnsTest, RefusesWhatAreNoPairsAndKnowsNothingOfNothing) {
  Rng rng(1);
  EXPECT_THROW(ComparePaired(std::vector<double>{1, 2}, std::vector<double>{1}, rng), ShapeError);
  EXPECT_EQ(ComparePaired({}, {}, rng).improvement, 0.5);
}

}  // namespace
}  // namespace stillhouse
