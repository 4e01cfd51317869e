#include "common/run/evaluation_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "common/base/error.h"

namespace stillhouse {
namespace {

std::vector<double> Sorted(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

}  // namespace

double Mean(std::span<const double> values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double InterquartileMean(std::span<const double> values) {
  const std::vector<double> sorted = Sorted(values);
  const std::size_t dropped = sorted.size() / 4;
  return Mean(std::span(sorted).subspan(dropped, sorted.size() - 2 * dropped));
}

double Percentile(std::span<const double> values, double q) {
  SH_CHECK(q >= 0 && q <= 100, "q {}", q);
  if (values.empty()) return 0;
  const std::vector<double> sorted = Sorted(values);
  const double position = q / 100 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double share = position - static_cast<double>(below);
  return sorted[below] + share * (sorted[above] - sorted[below]);
}

double WorstMean(std::span<const double> values, double share) {
  SH_CHECK(share > 0 && share <= 1, "share {}", share);
  if (values.empty()) return 0;
  const std::vector<double> sorted = Sorted(values);
  // 0.05 * 20 is a little more than 1 in binary; that is still one episode.
  const double wanted = std::ceil(share * static_cast<double>(sorted.size()) - 1e-9);
  const auto count = std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, sorted.size());
  return Mean(std::span(sorted).first(count));
}

Interval BootstrapMeanInterval(std::span<const double> values, Rng& rng, std::size_t resamples) {
  if (values.empty() || resamples == 0) return {};
  std::vector<double> means(resamples);
  for (double& mean : means) {
    double sum = 0;
    for (std::size_t i = 0; i < values.size(); ++i) sum += values[rng.Below(values.size())];
    mean = sum / static_cast<double>(values.size());
  }
  return {Percentile(means, 2.5), Percentile(means, 97.5)};
}

double Retention(double student_mean, double teacher_mean, double random_mean) {
  const double gained = teacher_mean - random_mean;
  if (!(gained > 0)) return 0;
  const double retention = (student_mean - random_mean) / gained;
  return std::isfinite(retention) ? retention : 0;
}

bool TeacherQualified(const Interval& teacher_ci95, double random_mean) {
  return teacher_ci95.low > random_mean;
}

ReturnStatistics SummariseReturns(std::span<const double> episode_returns, Rng& rng) {
  return {episode_returns.size(), Mean(episode_returns), InterquartileMean(episode_returns),
          BootstrapMeanInterval(episode_returns, rng), WorstMean(episode_returns, kWorstShare)};
}

}  // namespace stillhouse
