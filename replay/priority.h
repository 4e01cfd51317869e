#pragma once

#include <span>
#include <vector>

namespace stillhouse::replay {

/// Prioritised replay's pure functions (Schaul et al. 2016, sections 3.3 and 3.4), in float64.

/// p_i = (|TD error| + epsilon)^alpha.
double Priority(double td_error, double alpha, double epsilon);

/// Whether a stored p^alpha may be one: not negative, no NaN, and so that a store's sum is finite.
inline bool IsPriority(double raised) { return raised >= 0 && raised <= 1e100; }

/// Importance weights (N P_i)^-beta over the largest of them, or over the weight of probability
/// `least` when that is positive: the largest of the whole store. Probabilities are > 0.
std::vector<double> ImportanceWeights(std::span<const double> probabilities, double store_size,
                                      double beta, double least = 0);

}  // namespace stillhouse::replay
