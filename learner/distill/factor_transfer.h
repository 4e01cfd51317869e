#pragma once

#include "learner/distill/feature_losses.h"

namespace stillhouse::learner {

/// A small linear autoencoder of a teacher's features, the same at every position: C channels to K
/// factors and back (the paraphraser of Kim et al. 2018). It is trained on the teacher alone.
struct FactorShape {
  FeatureShape features;
  std::size_t factors = 0;  ///< K
  std::size_t Parameters() const { return 2 * factors * features.channels; }
};

/// Its K factors: features [B, C, P] to [B, K, P]. parameters: encoder [K, C], then decoder [C, K].
/// Throws ShapeError.
template <typename T>
std::vector<T> EncodeFactors(const FactorShape& shape, std::span<const T> features,
                             std::span<const T> parameters);

/// What training the autoencoder lowers: mean over entries of (decoded - features)^2, with the
/// gradient by the parameters (`gradient` by the features stays empty: they are a constant).
template <typename T>
FeatureLoss<T> ReconstructionLoss(const FactorShape& shape, std::span<const T> features,
                                  std::span<const T> parameters);

/// What the student lowers: see `autoencoder` at ComputeFeatureLoss. rows.teacher are the factors.
template <typename T>
FeatureLoss<T> FactorTransferLoss(const FeatureRows<T>& rows);

}  // namespace stillhouse::learner
