#pragma once

#include "learner/distill/feature_losses.h"

namespace stillhouse::learner {

/// Where a layer looks: sum over channels of |x|^p at each position, divided by its L2 norm (a map
/// of zeros stays zero). features [B, C, P]; returns [B, P].
template <typename T>
std::vector<T> AttentionMaps(const FeatureShape& shape, std::span<const T> features, T p);

enum class AttentionReduction : std::uint8_t {
  kMeanSquare,  ///< mean over positions of (a_s - a_t)^2
  kNorm,        ///< |a_s - a_t|_2, as in the paper
};

/// Attention transfer (Zagoruyko & Komodakis 2017, eq. 2) between maps of the same size; any
/// number of channels on either side. p >= 1. Throws ShapeError.
template <typename T>
FeatureLoss<T> AttentionLoss(const FeatureRows<T>& rows, T p, AttentionReduction reduction);

}  // namespace stillhouse::learner
