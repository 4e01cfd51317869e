#include "common/run/rank_statistics.h"

#include <vector>

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

using Values = std::vector<double>;

TEST(RanksTest, TiesShareTheMeanOfTheirRanks) {
  EXPECT_EQ(Ranks(Values{30, 10, 20, 20}), (Values{4, 1, 2.5, 2.5}));
  EXPECT_EQ(Ranks(Values{5, 5, 5}), (Values{2, 2, 2}));
  EXPECT_TRUE(Ranks(Values{}).empty());
}

TEST(RankCorrelationTest, IsOneForOneOrderAndMinusOneForItsReverse) {
  const Values x{1, 2, 3, 4};
  const Values up{1, 10, 100, 1000};
  const Values down{4, 3, 2, 1};
  EXPECT_DOUBLE_EQ(SpearmanCorrelation(x, up), 1);
  EXPECT_DOUBLE_EQ(KendallTauB(x, up), 1);
  EXPECT_DOUBLE_EQ(SpearmanCorrelation(x, down), -1);
  EXPECT_DOUBLE_EQ(KendallTauB(x, down), -1);
}

TEST(RankCorrelationTest, IsZeroWithoutAnOrderAndRefusesOtherSizes) {
  EXPECT_EQ(SpearmanCorrelation(Values{1, 1}, Values{1, 2}), 0);
  EXPECT_EQ(KendallTauB(Values{1}, Values{2}), 0);
  EXPECT_THROW(KendallTauB(Values{1, 2}, Values{2}), ShapeError);
  EXPECT_THROW(SpearmanCorrelation(Values{1, 2}, Values{2}), ShapeError);
}

TEST(ProbabilityOfImprovementTest, CountsPairsAndHalfTheTies) {
  // Of 6 pairs: 3 beats 1 and 2, 2 beats 1 and ties 2; both lose to 9.
  EXPECT_DOUBLE_EQ(ProbabilityOfImprovement(Values{3, 2}, Values{1, 2, 9}), 3.5 / 6);
  EXPECT_DOUBLE_EQ(ProbabilityOfImprovement(Values{}, Values{1}), 0.5);
}

TEST(ProbabilityOfImprovementTest, AgreesWithCountingEveryPair) {
  Rng rng(11);
  Values x(57);
  Values y(43);
  for (auto& v : x) v = static_cast<double>(rng.Below(12));
  for (auto& v : y) v = static_cast<double>(rng.Below(10));
  double won = 0;
  for (const double a : x) {
    for (const double b : y) won += a > b ? 1 : (a == b ? 0.5 : 0);
  }
  EXPECT_NEAR(ProbabilityOfImprovement(x, y), won / (57 * 43), 1e-12);
}

TEST(ProbabilityOfImprovementTest, HasAnIntervalAroundIt) {
  Rng data(3);
  Values x(200);
  Values y(200);
  for (auto& v : x) v = data.Uniform() + 0.2;
  for (auto& v : y) v = data.Uniform();
  Rng rng(4);
  const Interval interval = ImprovementInterval(x, y, rng);
  const double p = ProbabilityOfImprovement(x, y);
  EXPECT_LT(interval.low, p);
  EXPECT_GT(interval.high, p);
  EXPECT_GT(interval.low, 0.5);
  EXPECT_LT(interval.high - interval.low, 0.15);
}

TEST(AverageRanksTest, OneIsTheBestMethod) {
  // Three methods on two tasks; the last two tie on the second.
  const ScoreMatrix scores(3, 2, {9, 5, 3, 7, 6, 7});
  EXPECT_EQ(MethodRanks(scores).Task(0), (Values{1, 3, 2}));
  EXPECT_EQ(MethodRanks(scores).Task(1), (Values{3, 1.5, 1.5}));
  EXPECT_EQ(AverageRanks(scores), (Values{2, 2.25, 1.75}));
}

}  // namespace
}  // namespace stillhouse
