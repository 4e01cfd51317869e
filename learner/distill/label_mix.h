#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/config/loss_settings.h"

namespace stillhouse::learner {

/// One source's Q-values [rows, A] and its share of the label.
template <typename T>
struct LabelShare {
  std::span<const T> q;
  double weight = 1;
};

/// One label of several sources, as Q-values [rows, A] that a loss takes like one source's.
///
/// For losses between distributions it is the weighted mean of the sources' probabilities (not of
/// their logits; Hinton et al. 2015, section 5; conformance `multi_teacher`):
/// tau * log(sum_k w_k softmax(q_k / tau)), whose softmax at tau is that mean. tau is
/// `temperature`, 1 for losses that are not tempered (MixTeachers). For mse, mse_centered and huber
/// it is the weighted mean of Q. Finite for outputs up to +-1e4. `legal`: flags [rows, A] or empty.
/// Throws ShapeError when the sizes do not fit.
template <typename T>
std::vector<T> MixLabels(LossKind kind, double temperature, std::size_t num_actions,
                         std::span<const LabelShare<T>> sources,
                         std::span<const std::uint8_t> legal = {});

}  // namespace stillhouse::learner
