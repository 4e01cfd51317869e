#pragma once

#include <span>
#include <vector>

#include "common/base/rng.h"
#include "common/run/score_matrix.h"

namespace stillhouse {

/// From 1 for the lowest; equal values share the mean of their ranks.
std::vector<double> Ranks(std::span<const double> values);

/// Pearson's correlation of the ranks. x and y of one size (ShapeError). 0 where one of them is
/// constant or has fewer than two values: there is no order to agree on.
double SpearmanCorrelation(std::span<const double> x, std::span<const double> y);

/// Kendall's tau-b: (concordant - discordant) / sqrt((pairs untied in x)(pairs untied in y)).
/// O(n^2). 0 and ShapeError as above.
double KendallTauB(std::span<const double> x, std::span<const double> y);

/// P(a score of x beats one of y): the share of all pairs, ties counting a half. O(n log n). 1/2
/// when one of them is empty: nothing is known.
double ProbabilityOfImprovement(std::span<const double> x, std::span<const double> y);

/// The same of every task; x and y have the same tasks (ShapeError), not the same runs. Their mean
/// is the probability of improvement of Agarwal et al. 2021.
std::vector<double> ProbabilityOfImprovement(const ScoreMatrix& x, const ScoreMatrix& y);

/// 95 % percentile bootstrap of the probability, x and y resampled each on its own; [0, 1] when one
/// of them is empty. O(resamples * n): a few ms for 1000 episodes each.
Interval ImprovementInterval(std::span<const double> x, std::span<const double> y, Rng& rng,
                             std::size_t resamples = kBootstrapResamples);

/// scores [K methods, M tasks]: ranks [K, M], 1 for the task's highest score, equal ones share the
/// mean of theirs.
ScoreMatrix MethodRanks(const ScoreMatrix& scores);
/// [K]: every method's mean rank over the tasks.
std::vector<double> AverageRanks(const ScoreMatrix& scores);

}  // namespace stillhouse
