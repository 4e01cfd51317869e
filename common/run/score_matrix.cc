#include "common/run/score_matrix.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/error.h"

namespace stillhouse {

ScoreMatrix::ScoreMatrix(std::size_t runs, std::size_t tasks, std::vector<double> values)
    : runs_(runs), tasks_(tasks), values_(std::move(values)) {
  if (values_.empty() || values_.size() != runs * tasks) {
    throw ShapeError(fmt::format("{} scores for {} runs of {} tasks", values_.size(), runs, tasks));
  }
}

std::vector<double> ScoreMatrix::Task(std::size_t task) const {
  std::vector<double> scores(runs_);
  for (std::size_t r = 0; r < runs_; ++r) scores[r] = At(r, task);
  return scores;
}

ScoreMatrix ScoreMatrix::Resampled(std::span<const std::size_t> runs) const {
  if (runs.size() != values_.size()) {
    throw ShapeError(fmt::format("{} indices for {} scores", runs.size(), values_.size()));
  }
  std::vector<double> values(values_.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    SH_CHECK(runs[i] < runs_, "run {} of {}", runs[i], runs_);
    values[i] = At(runs[i], i % tasks_);
  }
  return {runs_, tasks_, std::move(values)};
}

std::vector<double> TaskMeans(const ScoreMatrix& scores) {
  std::vector<double> means;
  for (std::size_t m = 0; m < scores.Tasks(); ++m) means.push_back(Mean(scores.Task(m)));
  return means;
}

std::vector<double> TaskDeviations(const ScoreMatrix& scores) {
  std::vector<double> deviations(scores.Tasks(), 0);
  if (scores.Runs() < 2) return deviations;
  for (std::size_t m = 0; m < scores.Tasks(); ++m) {
    const std::vector<double> task = scores.Task(m);
    const double mean = Mean(task);
    double squares = 0;
    for (const double score : task) squares += (score - mean) * (score - mean);
    deviations[m] = std::sqrt(squares / static_cast<double>(task.size() - 1));
  }
  return deviations;
}

double MeanOverTasks(const ScoreMatrix& scores) { return Mean(TaskMeans(scores)); }

double Median(std::span<const double> values) { return Percentile(values, 50); }

double MedianOverTasks(const ScoreMatrix& scores) { return Median(TaskMeans(scores)); }

double InterquartileMean(const ScoreMatrix& scores) { return InterquartileMean(scores.Values()); }

double OptimalityGap(const ScoreMatrix& scores) {
  double reached = 0;
  for (const double score : scores.Values()) reached += std::min(score, 1.0);
  return 1 - reached / static_cast<double>(scores.Values().size());
}

std::vector<double> PerformanceProfile(const ScoreMatrix& scores, std::span<const double> taus) {
  const auto all = scores.Values();
  std::vector<double> profile;
  for (const double tau : taus) {
    const auto above = std::count_if(all.begin(), all.end(), [&](double s) { return s > tau; });
    profile.push_back(static_cast<double>(above) / static_cast<double>(all.size()));
  }
  return profile;
}

std::vector<std::size_t> DrawReplicate(const ScoreMatrix& scores, Rng& rng) {
  std::vector<std::size_t> runs(scores.Values().size());
  for (auto& run : runs) run = static_cast<std::size_t>(rng.Below(scores.Runs()));
  return runs;
}

Interval StratifiedBootstrap(const ScoreMatrix& scores, const MatrixStatistic& statistic, Rng& rng,
                             std::size_t resamples) {
  std::vector<double> replicates(resamples);
  for (double& value : replicates) {
    value = statistic(scores.Resampled(DrawReplicate(scores, rng)));
  }
  return {Percentile(replicates, 2.5), Percentile(replicates, 97.5)};
}

Interval PairedStratifiedBootstrap(const ScoreMatrix& x, const ScoreMatrix& y,
                                   const MatrixStatistic& statistic, Rng& rng,
                                   std::size_t resamples) {
  if (x.Runs() != y.Runs() || x.Tasks() != y.Tasks()) {
    throw ShapeError(fmt::format("paired scores of {} x {} and {} x {}", x.Runs(), x.Tasks(),
                                 y.Runs(), y.Tasks()));
  }
  std::vector<double> replicates(resamples);
  for (double& value : replicates) {
    const auto runs = DrawReplicate(x, rng);
    value = statistic(x.Resampled(runs)) - statistic(y.Resampled(runs));
  }
  return {Percentile(replicates, 2.5), Percentile(replicates, 97.5)};
}

}  // namespace stillhouse
