#include "common/run/paired_returns.h"

#include <vector>

#include "common/run/rank_statistics.h"
#include "common/run/score_matrix.h"

namespace stillhouse {

PairedReturns ComparePaired(std::span<const double> returns, std::span<const double> other,
                            Rng& rng) {
  PairedReturns paired;
  if (returns.empty() && other.empty()) return paired;
  const ScoreMatrix x(returns.size(), 1, {returns.begin(), returns.end()});
  const ScoreMatrix y(other.size(), 1, {other.begin(), other.end()});
  paired.difference = Mean(returns) - Mean(other);
  paired.difference_ci95 = PairedStratifiedBootstrap(x, y, MeanOverTasks, rng);
  paired.improvement = ProbabilityOfImprovement(returns, other);
  paired.improvement_ci95 = ImprovementInterval(returns, other, rng);
  return paired;
}

}  // namespace stillhouse
