#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace stillhouse::learner {

/// What a bootstrapped target is made of. B rows, A actions; T is float or double. All borrowed.
template <typename T>
struct TdRows {
  std::size_t num_actions = 0;
  std::span<const T> rewards;             ///< [B] n-step sums
  std::span<const T> discounts;           ///< [B] gamma^m, 0 after termination
  std::span<const T> q_target_next;       ///< [B, A] of the target network
  std::span<const T> q_online_next;       ///< [B, A] of the online network; double DQN only
  std::span<const std::uint8_t> legal{};  ///< [B, A] of s', 0 or 1; empty: every action
};

/// r + discount * max_a Q_target(s', a) (Mnih et al. 2015). Returns [B]. Where the discount is 0
/// the target is r, whatever the Q-values are. A row needs a legal action unless its discount is
/// 0. Throws ShapeError when the sizes do not fit.
template <typename T>
std::vector<T> OneStepTargets(const TdRows<T>& rows);

/// r + discount * Q_target(s', argmax_a Q_online(s', a)) (van Hasselt et al. 2016, "Double DQN");
/// the lowest index wins a tie. Otherwise as OneStepTargets.
template <typename T>
std::vector<T> DoubleTargets(const TdRows<T>& rows);

}  // namespace stillhouse::learner
