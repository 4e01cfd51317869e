#pragma once

#include "learner/distill/feature_losses.h"

namespace stillhouse::learner {

/// The student's features through a learned map: [B, Ct, P] = W [Ct, Cs] f + b [Ct], the same at
/// every position. parameters: W, then b.
template <typename T>
std::vector<T> Regressed(const FeatureRows<T>& rows);

enum class HintReduction : std::uint8_t {
  kMeanOfEntries,  ///< mean over Ct * P of the squared error
  kHalfSum,        ///< half of its sum: as in the paper
};

/// Squared error of Regressed against the teacher's features. Throws ShapeError.
template <typename T>
FeatureLoss<T> HintLoss(const FeatureRows<T>& rows, HintReduction reduction);

}  // namespace stillhouse::learner
