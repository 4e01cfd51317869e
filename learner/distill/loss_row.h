#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "common/base/action_mask.h"

namespace stillhouse::learner {

/// One row of an output loss at work: what the formulas of divergences.h, label_losses.h and
/// regressions.h read and write. Only legal entries of log_p and log_q mean anything.
template <typename T>
struct LossRow {
  std::span<const T> student, teacher;  ///< [A]
  std::span<const std::uint8_t> legal;  ///< [A], or empty: every action
  std::size_t label;                    ///< the truth, or the teacher's greedy action
  std::span<T> log_p, log_q;            ///< [A] scratch
  std::span<T> gradient;                ///< [A] of the row's loss; zero on entry

  std::size_t Actions() const { return student.size(); }
  bool Legal(std::size_t a) const { return legal.empty() || legal[a] != 0; }
};

/// log softmax(values / tau) over the legal entries, with their maximum subtracted.
template <typename T>
void LogSoftmax(std::span<const T> values, std::span<const std::uint8_t> legal, T tau,
                std::span<T> out) {
  const auto is_legal = [&](std::size_t a) { return legal.empty() || legal[a] != 0; };
  const T top = values[GreedyAction(values, legal)];
  T sum = 0;
  for (std::size_t a = 0; a < values.size(); ++a) {
    if (!is_legal(a)) continue;
    out[a] = (values[a] - top) / tau;
    sum += std::exp(out[a]);
  }
  const T log_sum = std::log(sum);
  for (std::size_t a = 0; a < values.size(); ++a) {
    if (is_legal(a)) out[a] -= log_sum;
  }
}

/// Fills log_p and log_q.
template <typename T>
void LogProbabilities(const LossRow<T>& row, T teacher_tau, T student_tau) {
  LogSoftmax(row.teacher, row.legal, teacher_tau, row.log_p);
  LogSoftmax(row.student, row.legal, student_tau, row.log_q);
}

}  // namespace stillhouse::learner
