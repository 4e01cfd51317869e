#include "common/run/rank_statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "common/base/error.h"

namespace stillhouse {
namespace {

void ExpectPairs(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size()) {
    throw ShapeError(fmt::format("{} values against {}", x.size(), y.size()));
  }
}

double Pearson(std::span<const double> x, std::span<const double> y) {
  const double mean_x = Mean(x);
  const double mean_y = Mean(y);
  double xy = 0;
  double xx = 0;
  double yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

/// sorted_y ascending.
double ShareOfPairsWon(std::span<const double> x, std::span<const double> sorted_y) {
  if (x.empty() || sorted_y.empty()) return 0.5;
  double won = 0;
  for (const double value : x) {
    const auto [low, high] = std::equal_range(sorted_y.begin(), sorted_y.end(), value);
    won += static_cast<double>(low - sorted_y.begin()) + static_cast<double>(high - low) / 2;
  }
  return won / static_cast<double>(x.size()) / static_cast<double>(sorted_y.size());
}

/// The place of every value among the sorted, distinct `levels`.
std::vector<std::size_t> LevelsOf(std::span<const double> values,
                                  const std::vector<double>& levels) {
  std::vector<std::size_t> places;
  for (const double value : values) {
    const auto found = std::lower_bound(levels.begin(), levels.end(), value);
    places.push_back(static_cast<std::size_t>(found - levels.begin()));
  }
  return places;
}

/// How often each level comes up in a sample with replacement, as large as what it is drawn from.
void CountDrawn(const std::vector<std::size_t>& levels, Rng& rng, std::vector<double>& counts) {
  std::fill(counts.begin(), counts.end(), 0);
  for (std::size_t i = 0; i < levels.size(); ++i) ++counts[levels[rng.Below(levels.size())]];
}

int Sign(double value) { return (value > 0) - (value < 0); }

}  // namespace

std::vector<double> Ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    // Places begin + 1 to end; their mean.
    const double rank = static_cast<double>(begin + 1 + end) / 2;
    for (; begin < end; ++begin) ranks[order[begin]] = rank;
  }
  return ranks;
}

double SpearmanCorrelation(std::span<const double> x, std::span<const double> y) {
  ExpectPairs(x, y);
  return Pearson(Ranks(x), Ranks(y));
}

double KendallTauB(std::span<const double> x, std::span<const double> y) {
  ExpectPairs(x, y);
  double balance = 0;
  double untied_x = 0;
  double untied_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const int dx = Sign(x[i] - x[j]);
      const int dy = Sign(y[i] - y[j]);
      balance += dx * dy;
      untied_x += dx != 0 ? 1 : 0;
      untied_y += dy != 0 ? 1 : 0;
    }
  }
  return untied_x > 0 && untied_y > 0 ? balance / std::sqrt(untied_x * untied_y) : 0;
}

double ProbabilityOfImprovement(std::span<const double> x, std::span<const double> y) {
  std::vector<double> sorted(y.begin(), y.end());
  std::sort(sorted.begin(), sorted.end());
  return ShareOfPairsWon(x, sorted);
}

std::vector<double> ProbabilityOfImprovement(const ScoreMatrix& x, const ScoreMatrix& y) {
  if (x.Tasks() != y.Tasks()) {
    throw ShapeError(fmt::format("{} tasks against {}", x.Tasks(), y.Tasks()));
  }
  std::vector<double> probabilities;
  for (std::size_t m = 0; m < x.Tasks(); ++m) {
    probabilities.push_back(ProbabilityOfImprovement(x.Task(m), y.Task(m)));
  }
  return probabilities;
}

Interval ImprovementInterval(std::span<const double> x, std::span<const double> y, Rng& rng,
                             std::size_t resamples) {
  if (x.empty() || y.empty() || resamples == 0) return {0, 1};
  std::vector<double> levels(x.begin(), x.end());
  levels.insert(levels.end(), y.begin(), y.end());
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  const std::vector<std::size_t> level_x = LevelsOf(x, levels);
  const std::vector<std::size_t> level_y = LevelsOf(y, levels);
  std::vector<double> replicates(resamples);
  std::vector<double> count_x(levels.size());
  std::vector<double> count_y(levels.size());
  for (double& value : replicates) {
    CountDrawn(level_x, rng, count_x);
    CountDrawn(level_y, rng, count_y);
    double won = 0;
    double below = 0;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      won += count_x[i] * (below + count_y[i] / 2);
      below += count_y[i];
    }
    value = won / static_cast<double>(x.size()) / static_cast<double>(y.size());
  }
  return {Percentile(replicates, 2.5), Percentile(replicates, 97.5)};
}

ScoreMatrix MethodRanks(const ScoreMatrix& scores) {
  std::vector<double> ranks(scores.Values().size());
  for (std::size_t m = 0; m < scores.Tasks(); ++m) {
    std::vector<double> task = scores.Task(m);
    for (double& score : task) score = -score;  // the highest comes first
    const std::vector<double> of_task = Ranks(task);
    for (std::size_t k = 0; k < scores.Runs(); ++k) ranks[k * scores.Tasks() + m] = of_task[k];
  }
  return {scores.Runs(), scores.Tasks(), std::move(ranks)};
}

std::vector<double> AverageRanks(const ScoreMatrix& scores) {
  const ScoreMatrix ranks = MethodRanks(scores);
  std::vector<double> averages;
  for (std::size_t k = 0; k < ranks.Runs(); ++k) {
    averages.push_back(Mean(ranks.Values().subspan(k * ranks.Tasks(), ranks.Tasks())));
  }
  return averages;
}

}  // namespace stillhouse
