#include "common/run/evaluation_statistics.h"

#include <vector>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

TEST(InterquartileMeanTest, DropsAQuarterRoundedDownAtEachEnd) {
  EXPECT_DOUBLE_EQ(InterquartileMean(std::vector<double>{}), 0);
  EXPECT_DOUBLE_EQ(InterquartileMean(std::vector<double>{100, 1, 2}), 103.0 / 3);  // drops none
  EXPECT_DOUBLE_EQ(InterquartileMean(std::vector<double>{100, 1, 2, 4}), 3);       // 2, 4
  EXPECT_DOUBLE_EQ(InterquartileMean(std::vector<double>{9, 1, 2, 3, 50}), 14.0 / 3);
  EXPECT_DOUBLE_EQ(InterquartileMean(std::vector<double>{8, 7, 6, 5, 4, 3, 2, 1}), 4.5);
}

TEST(PercentileTest, InterpolatesBetweenSortedValues) {
  const std::vector<double> values = {30, 10, 20, 40};
  EXPECT_DOUBLE_EQ(Percentile(values, 0), 10);
  EXPECT_DOUBLE_EQ(Percentile(values, 50), 25);    // position 1.5
  EXPECT_DOUBLE_EQ(Percentile(values, 25), 17.5);  // position 0.75
  EXPECT_DOUBLE_EQ(Percentile(values, 100), 40);
  EXPECT_DOUBLE_EQ(Percentile(std::vector<double>{7}, 97.5), 7);
}

TEST(BootstrapTest, IsAPointForEqualValues) {
  Rng rng(1);
  EXPECT_EQ(BootstrapMeanInterval(std::vector<double>(50, 3.0), rng), (Interval{3, 3}));
  EXPECT_EQ(BootstrapMeanInterval(std::vector<double>{}, rng), (Interval{0, 0}));
}

TEST(BootstrapTest, IsAboutTheNormalIntervalForManyEpisodes) {
  std::vector<double> values;
  Rng data(2);
  for (int i = 0; i < 1000; ++i) values.push_back(data.Uniform());
  Rng rng(3);
  const Interval interval = BootstrapMeanInterval(values, rng);
  // Standard error sqrt(1/12 / 1000) = 0.00913, so the half width is 1.96 of them = 0.0179;
  // 2000 resamples know a 2.5 % quantile to a few per cent.
  EXPECT_NEAR(interval.high - interval.low, 2 * 0.0179, 0.003);
  EXPECT_LT(interval.low, Mean(values));
  EXPECT_GT(interval.high, Mean(values));
}

TEST(BootstrapTest, OneSeedGivesOneInterval) {
  const std::vector<double> values = {1, 5, 2, 8};
  Rng first(7);
  Rng second(7);
  EXPECT_EQ(BootstrapMeanInterval(values, first), BootstrapMeanInterval(values, second));
}

TEST(RetentionTest, IsNormalisedByRandomPlay) {
  EXPECT_DOUBLE_EQ(Retention(6, 11, 1), 0.5);
  EXPECT_DOUBLE_EQ(Retention(21, 11, 1), 2);
  EXPECT_DOUBLE_EQ(Retention(0, 11, 1), -0.1);
}

TEST(RetentionTest, IsZeroWhenTheTeacherKnowsNothing) {
  EXPECT_EQ(Retention(5, 1, 1), 0);
  EXPECT_EQ(Retention(5, 0.5, 1), 0);
}

TEST(TeacherQualifiedTest, ComparesTheLowerBound) {
  EXPECT_TRUE(TeacherQualified({1.1, 9}, 1));
  EXPECT_FALSE(TeacherQualified({1.0, 9}, 1));
}

TEST(SummariseReturnsTest, FillsEveryFigure) {
  Rng rng(1);
  const auto summary = SummariseReturns(std::vector<double>{1, 2, 3, 10}, rng);
  EXPECT_EQ(summary.episodes, 4U);
  EXPECT_DOUBLE_EQ(summary.mean, 4);
  EXPECT_DOUBLE_EQ(summary.iqm, 2.5);
  EXPECT_GE(summary.ci95.low, 1);
  EXPECT_LE(summary.ci95.high, 10);
}

}  // namespace
}  // namespace stillhouse
