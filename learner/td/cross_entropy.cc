#include "learner/td/cross_entropy.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"

namespace stillhouse::learner {

template <typename T>
TdLoss<T> ComputeCrossEntropy(std::size_t num_actions, std::span<const T> q,
                              std::span<const std::int32_t> labels, std::span<const T> weights) {
  const std::size_t batch = labels.size();
  if (q.size() != batch * num_actions || weights.size() != batch) {
    throw ShapeError(fmt::format("cross-entropy: {} values, {} weights for {} rows of {}", q.size(),
                                 weights.size(), batch, num_actions));
  }
  TdLoss<T> result;
  result.per_sample.resize(batch);
  result.td_errors.resize(batch);
  result.q_gradient.resize(q.size());
  for (std::size_t b = 0; b < batch; ++b) {
    if (labels[b] < 0 || static_cast<std::size_t>(labels[b]) >= num_actions) {
      throw ShapeError(
          fmt::format("cross-entropy: row {} has label {} of {}", b, labels[b], num_actions));
    }
    const auto label = static_cast<std::size_t>(labels[b]);
    const auto row = q.subspan(b * num_actions, num_actions);
    const T top = *std::max_element(row.begin(), row.end());
    T sum = 0;
    for (const T value : row) sum += std::exp(value - top);
    const T log_sum = std::log(sum);
    const T scale = weights[b] / static_cast<T>(batch);
    for (std::size_t a = 0; a < num_actions; ++a) {
      const T probability = std::exp(row[a] - top - log_sum);
      result.q_gradient[b * num_actions + a] = scale * (probability - (a == label ? T{1} : T{0}));
      if (a == label) result.td_errors[b] = T{1} - probability;
    }
    result.per_sample[b] = log_sum - (row[label] - top);
    result.loss += weights[b] * result.per_sample[b];
  }
  result.loss /= static_cast<T>(std::max<std::size_t>(batch, 1));
  return result;
}

template TdLoss<float> ComputeCrossEntropy(std::size_t, std::span<const float>,
                                           std::span<const std::int32_t>, std::span<const float>);
template TdLoss<double> ComputeCrossEntropy(std::size_t, std::span<const double>,
                                            std::span<const std::int32_t>, std::span<const double>);

}  // namespace stillhouse::learner
