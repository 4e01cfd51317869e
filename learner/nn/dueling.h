#pragma once

#include <cstdint>

namespace stillhouse::learner {

/// One row of a dueling head, Q = V + A - mean_a A (Wang et al. 2016, eq. 9). `atoms` values an
/// action (1 for plain Q-values): value [atoms], advantage and q [actions, atoms].
template <typename T>
void DuelingRow(const T* value, const T* advantage, std::int64_t actions, std::int64_t atoms,
                T* q) {
  for (std::int64_t n = 0; n < atoms; ++n) {
    T sum = 0;
    for (std::int64_t a = 0; a < actions; ++a) sum += advantage[a * atoms + n];
    const T offset = value[n] - sum / static_cast<T>(actions);
    for (std::int64_t a = 0; a < actions; ++a) q[a * atoms + n] = advantage[a * atoms + n] + offset;
  }
}

/// Its transpose: gradients of sum(q_gradient * q).
template <typename T>
void DuelingRowGradient(const T* q_gradient, std::int64_t actions, std::int64_t atoms,
                        T* value_gradient, T* advantage_gradient) {
  for (std::int64_t n = 0; n < atoms; ++n) {
    T sum = 0;
    for (std::int64_t a = 0; a < actions; ++a) sum += q_gradient[a * atoms + n];
    value_gradient[n] = sum;
    for (std::int64_t a = 0; a < actions; ++a) {
      advantage_gradient[a * atoms + n] = q_gradient[a * atoms + n] - sum / static_cast<T>(actions);
    }
  }
}

}  // namespace stillhouse::learner
