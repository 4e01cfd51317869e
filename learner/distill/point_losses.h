#pragma once

#include <algorithm>
#include <cmath>

#include "learner/distill/loss_row.h"

namespace stillhouse::learner {

// Losses without a temperature: between the outputs themselves, or of the student's outputs and a
// label. Each returns its value and writes its gradient by the student's outputs.

/// sum (student - teacher)^2
template <typename T>
T SquaredError(const LossRow<T>& row) {
  T loss = 0;
  for (std::size_t a = 0; a < row.Actions(); ++a) {
    if (!row.Legal(a)) continue;
    const T error = row.student[a] - row.teacher[a];
    loss += error * error;
    row.gradient[a] = 2 * error;
  }
  return loss;
}

/// The same once each side's mean over the legal actions is taken off.
template <typename T>
T CenteredSquaredError(const LossRow<T>& row) {
  T mean = 0;
  T count = 0;
  for (std::size_t a = 0; a < row.Actions(); ++a) {
    if (!row.Legal(a)) continue;
    mean += row.student[a] - row.teacher[a];
    count += 1;
  }
  mean /= count;
  T loss = 0;
  for (std::size_t a = 0; a < row.Actions(); ++a) {
    if (!row.Legal(a)) continue;
    const T error = row.student[a] - row.teacher[a] - mean;
    loss += error * error;
    row.gradient[a] = 2 * error;
  }
  return loss;
}

/// sum of u^2 / 2 within 1, |u| - 1/2 beyond, u = student - teacher (Huber 1964)
template <typename T>
T HuberError(const LossRow<T>& row) {
  T loss = 0;
  for (std::size_t a = 0; a < row.Actions(); ++a) {
    if (!row.Legal(a)) continue;
    const T error = row.student[a] - row.teacher[a];
    const T inside = std::clamp(error, T{-1}, T{1});
    loss += inside * (error - inside / 2);
    row.gradient[a] = inside;
  }
  return loss;
}

/// -log softmax(student)[label]. Overwrites log_q.
template <typename T>
T LabelCrossEntropy(const LossRow<T>& row) {
  LogSoftmax(row.student, row.legal, T{1}, row.log_q);
  for (std::size_t a = 0; a < row.Actions(); ++a) {
    if (row.Legal(a)) row.gradient[a] = std::exp(row.log_q[a]) - (a == row.label ? T{1} : T{0});
  }
  return -row.log_q[row.label];
}

}  // namespace stillhouse::learner
