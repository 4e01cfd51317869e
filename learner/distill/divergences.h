#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "learner/distill/loss_row.h"

namespace stillhouse::learner {

// Losses between the distributions p of the teacher and q of the student, from row.log_p and
// row.log_q. Each returns its value and writes its gradient by the student's outputs divided by
// its temperature: the caller multiplies by 1 / student_tau.

/// sum p (log p - log q)
template <typename T>
T ForwardKl(const LossRow<T>& row) {
  T loss = 0;
  for (std::size_t a = 0; a < row.Actions(); ++a) {
    if (!row.Legal(a)) continue;
    const T p = std::exp(row.log_p[a]);
    loss += p * (row.log_p[a] - row.log_q[a]);
    row.gradient[a] = std::exp(row.log_q[a]) - p;
  }
  return loss;
}

/// -sum p log q
template <typename T>
T SoftCrossEntropy(const LossRow<T>& row) {
  T loss = 0;
  for (std::size_t a = 0; a < row.Actions(); ++a) {
    if (!row.Legal(a)) continue;
    const T p = std::exp(row.log_p[a]);
    loss -= p * row.log_q[a];
    row.gradient[a] = std::exp(row.log_q[a]) - p;
  }
  return loss;
}

/// sum q (log q - log p)
template <typename T>
T ReverseKl(const LossRow<T>& row) {
  T loss = 0;
  for (std::size_t a = 0; a < row.Actions(); ++a) {
    if (row.Legal(a)) loss += std::exp(row.log_q[a]) * (row.log_q[a] - row.log_p[a]);
  }
  for (std::size_t a = 0; a < row.Actions(); ++a) {
    if (!row.Legal(a)) continue;
    row.gradient[a] = std::exp(row.log_q[a]) * (row.log_q[a] - row.log_p[a] - loss);
  }
  return loss;
}

/// log((e^a + e^b) / 2)
template <typename T>
T LogMean(T a, T b) {
  const T top = std::max(a, b);
  return top + std::log1p(std::exp(std::min(a, b) - top)) - std::log(T{2});
}

/// KL(p || m) / 2 + KL(q || m) / 2 with m = (p + q) / 2 (Lin 1991)
template <typename T>
T JensenShannon(const LossRow<T>& row) {
  T of_p = 0;
  T of_q = 0;
  for (std::size_t a = 0; a < row.Actions(); ++a) {
    if (!row.Legal(a)) continue;
    const T log_m = LogMean(row.log_p[a], row.log_q[a]);
    of_p += std::exp(row.log_p[a]) * (row.log_p[a] - log_m);
    of_q += std::exp(row.log_q[a]) * (row.log_q[a] - log_m);
  }
  for (std::size_t a = 0; a < row.Actions(); ++a) {
    if (!row.Legal(a)) continue;
    const T log_m = LogMean(row.log_p[a], row.log_q[a]);
    row.gradient[a] = std::exp(row.log_q[a]) * (row.log_q[a] - log_m - of_q) / 2;
  }
  return (of_p + of_q) / 2;
}

/// log of the sum of e^values over the legal actions but the label, of which there is one.
template <typename T>
T LogSumOfOthers(const LossRow<T>& row, std::span<const T> values) {
  T top = -std::numeric_limits<T>::infinity();
  for (std::size_t a = 0; a < values.size(); ++a) {
    if (row.Legal(a) && a != row.label) top = std::max(top, values[a]);
  }
  T sum = 0;
  for (std::size_t a = 0; a < values.size(); ++a) {
    if (row.Legal(a) && a != row.label) sum += std::exp(values[a] - top);
  }
  return top + std::log(sum);
}

/// The two parts of forward KL (Zhao et al. 2022, "Decoupled Knowledge Distillation", eq. 5-7),
/// each with its weight: that of (label, everything else), and that among the other actions, each
/// side normalised without the label. KL itself weighs the second by 1 - p[label]. A row with one
/// legal action is worth 0, with two the second part is.
template <typename T>
T Decoupled(const LossRow<T>& row, T target_weight, T non_target_weight) {
  const std::size_t y = row.label;
  bool alone = true;
  for (std::size_t a = 0; a < row.Actions(); ++a) alone = alone && (a == y || !row.Legal(a));
  if (alone) return 0;
  const T log_p_others = LogSumOfOthers<T>(row, row.log_p);
  const T log_q_others = LogSumOfOthers<T>(row, row.log_q);
  const T p_label = std::exp(row.log_p[y]);
  const T p_others = std::exp(log_p_others);
  const T target =
      p_label * (row.log_p[y] - row.log_q[y]) + p_others * (log_p_others - log_q_others);
  T non_target = 0;
  for (std::size_t a = 0; a < row.Actions(); ++a) {
    if (!row.Legal(a)) continue;
    const T q = std::exp(row.log_q[a]);
    if (a == y) {
      row.gradient[a] = target_weight * (q - p_label);
      continue;
    }
    const T log_p_within = row.log_p[a] - log_p_others;
    const T log_q_within = row.log_q[a] - log_q_others;
    const T p_within = std::exp(log_p_within);
    const T q_within = std::exp(log_q_within);
    non_target += p_within * (log_p_within - log_q_within);
    row.gradient[a] =
        target_weight * (q - p_others * q_within) + non_target_weight * (q_within - p_within);
  }
  return target_weight * target + non_target_weight * non_target;
}

}  // namespace stillhouse::learner
