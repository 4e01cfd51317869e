#pragma once

#include <cstdint>
#include <span>

#include "learner/td/td_losses.h"

namespace stillhouse::learner {

/// -log softmax(q)[label] with its gradient: the loss of classification. q [B, A] are logits,
/// labels and weights [B]; the mean over B of weight * loss, divided by B and not by the sum of the
/// weights. In the result td_errors [B] is 1 - softmax(q)[label], the size of the gradient on the
/// label's logit. Finite for logits up to +-1e4. Throws ShapeError when sizes do not fit or a label
/// does not exist.
template <typename T>
TdLoss<T> ComputeCrossEntropy(std::size_t num_actions, std::span<const T> q,
                              std::span<const std::int32_t> labels, std::span<const T> weights);

}  // namespace stillhouse::learner
