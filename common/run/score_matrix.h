#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/base/rng.h"
#include "common/run/evaluation_statistics.h"

namespace stillhouse {

/// Scores of R runs (or episodes) on M tasks, R >= 1, M >= 1; mostly normalised ones. The
/// statistics below are those of Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of
/// the Statistical Precipice".
class ScoreMatrix {
 public:
  /// values [R, M], row-major. Throws ShapeError unless there are runs * tasks > 0 of them.
  ScoreMatrix(std::size_t runs, std::size_t tasks, std::vector<double> values);

  std::size_t Runs() const { return runs_; }
  std::size_t Tasks() const { return tasks_; }
  double At(std::size_t run, std::size_t task) const { return values_[run * tasks_ + task]; }
  std::span<const double> Values() const { return values_; }
  std::vector<double> Task(std::size_t task) const;

  /// scores'[r, m] = scores[runs[r, m], m]: every task is resampled on its own. runs [R, M], each
  /// below R. Throws ShapeError when the size differs.
  ScoreMatrix Resampled(std::span<const std::size_t> runs) const;

 private:
  std::size_t runs_;
  std::size_t tasks_;
  std::vector<double> values_;
};

using MatrixStatistic = std::function<double(const ScoreMatrix&)>;

std::vector<double> TaskMeans(const ScoreMatrix& scores);
/// Standard deviations with divisor R - 1; 0 for one run.
std::vector<double> TaskDeviations(const ScoreMatrix& scores);
/// Mean and median over tasks of the task means.
double MeanOverTasks(const ScoreMatrix& scores);
double MedianOverTasks(const ScoreMatrix& scores);
/// Of all R * M scores together.
double InterquartileMean(const ScoreMatrix& scores);
/// 1 - mean(min(score, 1)): how far below 1 the scores are, without credit for going beyond.
double OptimalityGap(const ScoreMatrix& scores);
/// [taus]: the share of all scores that are greater than tau.
std::vector<double> PerformanceProfile(const ScoreMatrix& scores, std::span<const double> taus);

/// The middle two's mean if their number is even; 0 for none.
double Median(std::span<const double> values);

/// Indices of one replicate of the stratified bootstrap, [R, M].
std::vector<std::size_t> DrawReplicate(const ScoreMatrix& scores, Rng& rng);

/// 2.5 and 97.5 % of the statistic over `resamples` stratified replicates.
Interval StratifiedBootstrap(const ScoreMatrix& scores, const MatrixStatistic& statistic, Rng& rng,
                             std::size_t resamples = kBootstrapResamples);

/// The same of statistic(x) - statistic(y) where run r of task m is one and the same condition for
/// both (a seed): both are resampled together, so what the condition does to both cancels. Throws
/// ShapeError when the shapes differ.
Interval PairedStratifiedBootstrap(const ScoreMatrix& x, const ScoreMatrix& y,
                                   const MatrixStatistic& statistic, Rng& rng,
                                   std::size_t resamples = kBootstrapResamples);

}  // namespace stillhouse
