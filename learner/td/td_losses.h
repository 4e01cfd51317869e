#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/config/run_config.h"

namespace stillhouse::learner {

template <typename T>
struct TdLoss {
  T loss = 0;                 ///< mean over the batch of weight * per-sample loss
  std::vector<T> per_sample;  ///< [B] without the weights
  std::vector<T> td_errors;   ///< [B] |u|
  std::vector<T> q_gradient;  ///< [B, A] of `loss`; 0 for actions not taken
};

/// Loss of u = Q(s, a) - target, with its gradient. q [B, A], actions/targets/weights [B].
///
/// kSquared: u^2 (no half), kHuber: u^2 / 2 within `huber_delta`, else delta (|u| - delta / 2)
/// (Huber 1964). Both are multiplied by the importance weights and divided by B, not by the sum of
/// the weights. Throws ShapeError when sizes do not fit or an action does not exist.
template <typename T>
TdLoss<T> ComputeTdLoss(std::size_t num_actions, std::span<const T> q,
                        std::span<const std::int32_t> actions, std::span<const T> targets,
                        std::span<const T> weights, AlgorithmSettings::Loss kind, T huber_delta);

}  // namespace stillhouse::learner
