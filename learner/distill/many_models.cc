#include "learner/distill/many_models.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "common/base/error.h"
#include "learner/distill/loss_row.h"
#include "learner/distill/output_losses.h"

namespace stillhouse::learner {
namespace {

/// Rows of each of `models` sets of outputs. Throws ShapeError.
std::size_t RowsOf(std::size_t values, std::size_t models, std::size_t actions) {
  if (models == 0 || actions == 0 || values % (models * actions) != 0) {
    throw ShapeError(
        fmt::format("{} outputs of {} models with {} actions", values, models, actions));
  }
  return values / models / actions;
}

/// log of each teacher's share. Throws ShapeError.
template <typename T>
std::vector<T> LogShares(std::span<const T> weights, std::size_t teachers) {
  if (weights.empty()) {
    return std::vector<T>(teachers, -std::log(static_cast<T>(teachers)));
  }
  const T sum = std::accumulate(weights.begin(), weights.end(), T{0});
  const bool negative = std::any_of(weights.begin(), weights.end(), [](T w) { return w < 0; });
  if (weights.size() != teachers || negative || !(sum > 0) || !std::isfinite(sum)) {
    throw ShapeError(fmt::format("{} weights of sum {} for {} teachers; one each, none negative",
                                 weights.size(), sum, teachers));
  }
  std::vector<T> shares;
  for (const T weight : weights) shares.push_back(std::log(weight / sum));
  return shares;
}

/// out[a] = log(sum over teachers of share * probability) for one row. log_p [K, A] scratch.
template <typename T>
T LogMixture(std::span<const T> log_p, std::span<const T> shares, std::size_t actions,
             std::size_t a) {
  T top = -std::numeric_limits<T>::infinity();
  for (std::size_t k = 0; k < shares.size(); ++k) {
    top = std::max(top, shares[k] + log_p[k * actions + a]);
  }
  T sum = 0;
  for (std::size_t k = 0; k < shares.size(); ++k) {
    sum += std::exp(shares[k] + log_p[k * actions + a] - top);
  }
  return top + std::log(sum);
}

}  // namespace

template <typename T>
std::vector<T> MixTeachers(std::size_t num_actions, std::span<const T> teachers,
                           std::size_t num_teachers, std::span<const T> weights, T tau,
                           std::span<const std::uint8_t> legal) {
  const std::size_t size = RowsOf(teachers.size(), num_teachers, num_actions) * num_actions;
  if (!legal.empty() && legal.size() != size) {
    throw ShapeError(fmt::format("{} legal flags for {} outputs", legal.size(), size));
  }
  const std::vector<T> shares = LogShares(weights, num_teachers);
  std::vector<T> mixed(teachers.begin(), teachers.begin() + static_cast<std::ptrdiff_t>(size));
  std::vector<T> log_p(num_teachers * num_actions);
  for (std::size_t at = 0; at < size; at += num_actions) {
    const auto row_legal = legal.empty() ? legal : legal.subspan(at, num_actions);
    for (std::size_t k = 0; k < num_teachers; ++k) {
      LogSoftmax(teachers.subspan(k * size + at, num_actions), row_legal, tau,
                 std::span<T>(log_p).subspan(k * num_actions, num_actions));
    }
    for (std::size_t a = 0; a < num_actions; ++a) {
      if (!row_legal.empty() && row_legal[a] == 0) continue;
      mixed[at + a] = tau * LogMixture<T>(log_p, shares, num_actions, a);
    }
  }
  return mixed;
}

template <typename T>
MutualLoss<T> ComputeMutualLoss(std::size_t num_actions, std::span<const T> students,
                                std::size_t num_students, std::span<const std::int32_t> labels,
                                double tau, bool tau_squared, double coupling) {
  const std::size_t size = RowsOf(students.size(), num_students, num_actions) * num_actions;
  const auto outputs = [&](std::size_t k) { return students.subspan(k * size, size); };
  const OutputLossTerms hard{.soft_weight = 0, .hard_weight = 1};
  const OutputLossTerms soft{.temper = Temper::kBoth, .temperature = tau};
  const T share = num_students > 1 ? T{1} / static_cast<T>(num_students - 1) : T{0};
  const auto scale = static_cast<T>(coupling * (tau_squared ? tau * tau : 1.0));
  MutualLoss<T> result;
  for (std::size_t k = 0; k < num_students; ++k) {
    auto own = ComputeOutputLoss(hard, OutputRows<T>{.num_actions = num_actions,
                                                     .student = outputs(k),
                                                     .teacher = outputs(k),
                                                     .labels = labels});
    T kl_part = 0;
    for (std::size_t j = 0; j < num_students && scale != 0; ++j) {
      if (j == k) continue;
      const auto kl = ComputeOutputLoss(
          soft,
          OutputRows<T>{.num_actions = num_actions, .student = outputs(k), .teacher = outputs(j)});
      kl_part += share * kl.loss;
      for (std::size_t i = 0; i < size; ++i) own.gradient[i] += scale * share * kl.gradient[i];
    }
    result.loss.push_back(scale == 0 ? own.loss : own.loss + scale * kl_part);
    result.kl_part.push_back(kl_part);
    result.gradient.insert(result.gradient.end(), own.gradient.begin(), own.gradient.end());
  }
  return result;
}

double KickstartWeight(double student_return, double teacher_return) {
  if (!(teacher_return > 0)) return 0;
  return std::clamp(1 - student_return / teacher_return, 0.0, 1.0);
}

template std::vector<float> MixTeachers(std::size_t, std::span<const float>, std::size_t,
                                        std::span<const float>, float,
                                        std::span<const std::uint8_t>);
template std::vector<double> MixTeachers(std::size_t, std::span<const double>, std::size_t,
                                         std::span<const double>, double,
                                         std::span<const std::uint8_t>);
template MutualLoss<float> ComputeMutualLoss(std::size_t, std::span<const float>, std::size_t,
                                             std::span<const std::int32_t>, double, bool, double);
template MutualLoss<double> ComputeMutualLoss(std::size_t, std::span<const double>, std::size_t,
                                              std::span<const std::int32_t>, double, bool, double);

}  // namespace stillhouse::learner
