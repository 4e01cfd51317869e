#include "learner/td/td_losses.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"

namespace stillhouse::learner {
namespace {

template <typename T>
struct ValueAndSlope {
  T value;
  T slope;
};

template <typename T>
ValueAndSlope<T> LossOf(T error, AlgorithmSettings::Loss kind, T delta) {
  if (kind == AlgorithmSettings::Loss::kSquared) return {error * error, 2 * error};
  const T size = std::abs(error);
  if (size <= delta) return {error * error / 2, error};
  return {delta * (size - delta / 2), std::copysign(delta, error)};
}

}  // namespace

template <typename T>
TdLoss<T> ComputeTdLoss(std::size_t num_actions, std::span<const T> q,
                        std::span<const std::int32_t> actions, std::span<const T> targets,
                        std::span<const T> weights, AlgorithmSettings::Loss kind, T huber_delta) {
  const std::size_t batch = actions.size();
  if (q.size() != batch * num_actions || targets.size() != batch || weights.size() != batch) {
    throw ShapeError(fmt::format("TD loss: {} values, {} targets, {} weights for {} rows of {}",
                                 q.size(), targets.size(), weights.size(), batch, num_actions));
  }
  TdLoss<T> result;
  result.per_sample.resize(batch);
  result.td_errors.resize(batch);
  result.q_gradient.resize(q.size());
  for (std::size_t b = 0; b < batch; ++b) {
    if (actions[b] < 0 || static_cast<std::size_t>(actions[b]) >= num_actions) {
      throw ShapeError(
          fmt::format("TD loss: row {} has action {} of {}", b, actions[b], num_actions));
    }
    const std::size_t at = b * num_actions + static_cast<std::size_t>(actions[b]);
    const T error = q[at] - targets[b];
    const auto [value, slope] = LossOf(error, kind, huber_delta);
    result.td_errors[b] = std::abs(error);
    result.per_sample[b] = value;
    result.loss += weights[b] * value;
    result.q_gradient[at] = weights[b] * slope / static_cast<T>(batch);
  }
  result.loss /= static_cast<T>(std::max<std::size_t>(batch, 1));
  return result;
}

template TdLoss<float> ComputeTdLoss(std::size_t, std::span<const float>,
                                     std::span<const std::int32_t>, std::span<const float>,
                                     std::span<const float>, AlgorithmSettings::Loss, float);
template TdLoss<double> ComputeTdLoss(std::size_t, std::span<const double>,
                                      std::span<const std::int32_t>, std::span<const double>,
                                      std::span<const double>, AlgorithmSettings::Loss, double);

}  // namespace stillhouse::learner
