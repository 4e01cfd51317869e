#pragma once

#include "learner/distill/feature_losses.h"

namespace stillhouse::learner {

// Relational knowledge distillation (Park et al. 2019): what the rows of a batch are to each other
// is matched, not the rows, so student and teacher may have features of any two sizes. Differences
// go through the Huber loss with delta 1. A row's importance weight weighs its own relations.

/// Distances |x_i - x_j|, divided by their mean over the batch: per_sample[i] is the mean over
/// j != i. 0 for fewer than two rows. Time O(B^2 C P).
template <typename T>
FeatureLoss<T> RelationalDistanceLoss(const FeatureRows<T>& rows);

/// Cosines of the angles at row j between the directions to rows i and k: per_sample[j] is the mean
/// over i != k, both other than j. 0 for fewer than three rows. Time O(B^3 C P).
template <typename T>
FeatureLoss<T> RelationalAngleLoss(const FeatureRows<T>& rows);

}  // namespace stillhouse::learner
