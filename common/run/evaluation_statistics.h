#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base/rng.h"

namespace stillhouse {

struct Interval {
  double low = 0;
  double high = 0;
  bool operator==(const Interval&) const = default;
};

/// 0 for no values.
double Mean(std::span<const double> values);

/// Interquartile mean: of the sorted values floor(n / 4) are dropped at each end
/// (scipy trim_mean 0.25; Agarwal et al. 2021). 0 for no values.
double InterquartileMean(std::span<const double> values);

/// Linear interpolation at position q / 100 * (n - 1) of the sorted values; q in [0, 100].
/// 0 for no values.
double Percentile(std::span<const double> values, double q);

/// Mean of the lowest `share` of the values (conditional value at risk), of at least one of them:
/// ceil(share * n). share in (0, 1]. 0 for no values.
double WorstMean(std::span<const double> values, double share);

/// What "worst" means wherever nothing else is said.
inline constexpr double kWorstShare = 0.05;

inline constexpr std::size_t kBootstrapResamples = 2000;

/// Percentile bootstrap of the mean (Efron 1979): 2.5 and 97.5 % of the means of `resamples`
/// samples with replacement. O(resamples * n).
Interval BootstrapMeanInterval(std::span<const double> values, Rng& rng,
                               std::size_t resamples = kBootstrapResamples);

/// (student - random) / (teacher - random); 0 where the teacher does no better than random, as
/// nothing can be retained then.
double Retention(double student_mean, double teacher_mean, double random_mean);

/// The teacher is worth distilling from: the lower bound of its mean return lies above random.
bool TeacherQualified(const Interval& teacher_ci95, double random_mean);

struct ReturnStatistics {
  std::uint64_t episodes = 0;
  double mean = 0;
  double iqm = 0;
  Interval ci95;     ///< of the mean over episodes
  double worst = 0;  ///< mean of the worst kWorstShare of the episodes
};

ReturnStatistics SummariseReturns(std::span<const double> episode_returns, Rng& rng);

}  // namespace stillhouse
