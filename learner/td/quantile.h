#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace stillhouse::learner {

/// What the N estimates of a row are added up to; the M samples of the target are always averaged.
enum class QuantileReduction : std::uint8_t { kSum, kMean };

template <typename T>
struct QuantileLoss {
  T loss = 0;                 ///< mean over the batch of weight * per-sample loss
  std::vector<T> per_sample;  ///< [B] without the weights
  std::vector<T> gradient;    ///< [B, N] of `loss` by theta
};

/// Quantile regression with a Huber loss (Dabney et al. 2018, "QR-DQN", eq. 10; with drawn
/// fractions IQN). For u_ij = target_j - theta_i:
///   rho_ij = |tau_i - 1{u_ij < 0}| * huber_kappa(u_ij) / kappa, and |u_ij| for the Huber part when
/// kappa is 0. theta, tau [B, N]; target [B, M], a constant; weights [B]. Throws ShapeError.
template <typename T>
QuantileLoss<T> QuantileHuberLoss(std::span<const T> theta, std::span<const T> tau,
                                  std::span<const T> target, std::span<const T> weights, T kappa,
                                  QuantileReduction reduction);

}  // namespace stillhouse::learner
