#include "common/run/score_matrix.h"

#include <vector>

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

/// Two tasks, three runs: task 0 is 0 1 2, task 1 is 10 10 40.
ScoreMatrix Scores() { return {3, 2, {0, 10, 1, 10, 2, 40}}; }

TEST(ScoreMatrixTest, RefusesShapesThatDoNotFit) {
  EXPECT_THROW(ScoreMatrix(2, 2, {1, 2, 3}), ShapeError);
  EXPECT_THROW(ScoreMatrix(0, 2, {}), ShapeError);
  EXPECT_THROW(Scores().Resampled(std::vector<std::size_t>{0}), ShapeError);
}

TEST(ScoreMatrixTest, ResamplesEveryTaskOnItsOwn) {
  const ScoreMatrix drawn = Scores().Resampled(std::vector<std::size_t>{2, 0, 2, 2, 0, 1});
  EXPECT_EQ(drawn.Task(0), (std::vector<double>{2, 2, 0}));
  EXPECT_EQ(drawn.Task(1), (std::vector<double>{10, 40, 10}));
}

TEST(ScoreMatrixTest, AggregatesAreThoseWorkedOutByHand) {
  EXPECT_EQ(TaskMeans(Scores()), (std::vector<double>{1, 20}));
  EXPECT_DOUBLE_EQ(TaskDeviations(Scores())[0], 1);
  EXPECT_DOUBLE_EQ(MeanOverTasks(Scores()), 10.5);
  EXPECT_DOUBLE_EQ(MedianOverTasks(Scores()), 10.5);
  EXPECT_DOUBLE_EQ(InterquartileMean(Scores()), (1 + 2 + 10 + 10) / 4.0);  // 0 and 40 go
  EXPECT_DOUBLE_EQ(OptimalityGap(Scores()), 1.0 / 6);                      // 0 is short by 1
  EXPECT_EQ(PerformanceProfile(Scores(), std::vector<double>{1, 10}),
            (std::vector<double>{4.0 / 6, 1.0 / 6}));
  EXPECT_EQ(TaskDeviations(ScoreMatrix(1, 2, {3, 4})), (std::vector<double>{0, 0}));
}

TEST(StratifiedBootstrapTest, NeverMixesTasks) {
  // Every run of a task has the same score, so no replicate differs; mixed tasks would.
  const ScoreMatrix scores(4, 2, {1, 9, 1, 9, 1, 9, 1, 9});
  Rng rng(1);
  EXPECT_EQ(StratifiedBootstrap(scores, MeanOverTasks, rng), (Interval{5, 5}));
}

TEST(PairedStratifiedBootstrapTest, TakesOutWhatTheSeedsDoToBoth) {
  // y is x less one, whatever the seed: the seeds differ by far more than that.
  std::vector<double> x;
  std::vector<double> y;
  Rng data(5);
  for (int i = 0; i < 40; ++i) {
    x.push_back(100 * data.Uniform());
    y.push_back(x.back() - 1);
  }
  Rng rng(2);
  const auto n = x.size();
  const Interval paired = PairedStratifiedBootstrap({n, 1, x}, {n, 1, y}, MeanOverTasks, rng);
  EXPECT_NEAR(paired.low, 1, 1e-9);
  EXPECT_NEAR(paired.high, 1, 1e-9);
  const Interval alone = StratifiedBootstrap({n, 1, x}, MeanOverTasks, rng);
  EXPECT_GT(alone.high - alone.low, 10);
}

TEST(PairedStratifiedBootstrapTest, RefusesScoresThatAreNoPairs) {
  Rng rng(1);
  EXPECT_THROW(PairedStratifiedBootstrap({2, 1, {1, 2}}, {1, 1, {1}}, MeanOverTasks, rng),
               ShapeError);
}

TEST(WorstMeanTest, IsTheMeanOfTheLowestShareOfAtLeastOne) {
  std::vector<double> values;
  for (int i = 40; i > 0; --i) values.push_back(i);
  EXPECT_DOUBLE_EQ(WorstMean(values, 0.05), 1.5);  // 1, 2
  EXPECT_DOUBLE_EQ(WorstMean(values, 0.051), 2);   // 1, 2, 3: rounded up
  EXPECT_DOUBLE_EQ(WorstMean(std::vector<double>{4, 3}, 0.05), 3);
  EXPECT_DOUBLE_EQ(WorstMean(std::vector<double>{4, 2}, 1), 3);
  EXPECT_DOUBLE_EQ(WorstMean(std::vector<double>{}, 0.05), 0);
}

}  // namespace
}  // namespace stillhouse
