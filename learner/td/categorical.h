#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace stillhouse::learner {

// Distributional TD with fixed atoms (Bellemare et al. 2017, "C51"). T is float or double.

/// The N values z_j = v_min + j (v_max - v_min) / (N - 1) that a return may take.
struct AtomSupport {
  std::size_t atoms = 51;
  double v_min = -10;
  double v_max = 10;

  double Step() const { return (v_max - v_min) / static_cast<double>(atoms - 1); }
  double Value(std::size_t j) const { return v_min + static_cast<double>(j) * Step(); }
};

/// sum_j z_j p_j of each row. probabilities [B, N]; returns [B]. Throws ShapeError.
template <typename T>
std::vector<T> ExpectedValues(const AtomSupport& support, std::span<const T> probabilities);

/// The distribution of r + discount * Z on the support: the mass of each atom of Z goes to the
/// atoms on both sides of where it lands, linearly, and to the ends beyond them; where it hits an
/// atom, all of it stays there. rewards, discounts (0 after a terminal step) [B]; next [B, N].
/// Returns [B, N], a constant. Throws ShapeError.
template <typename T>
std::vector<T> ProjectDistribution(const AtomSupport& support, std::span<const T> rewards,
                                   std::span<const T> discounts, std::span<const T> next);

template <typename T>
struct DistributionalLoss {
  T loss = 0;                 ///< mean over the batch of weight * per-sample loss
  std::vector<T> per_sample;  ///< [B] without the weights
  std::vector<T> gradient;    ///< of `loss` by the outputs
};

/// -sum_i target_i log softmax(logits)_i. target, logits [B, N]; weights [B]. Throws ShapeError.
template <typename T>
DistributionalLoss<T> CategoricalLoss(std::size_t atoms, std::span<const T> target,
                                      std::span<const T> logits, std::span<const T> weights);

}  // namespace stillhouse::learner
