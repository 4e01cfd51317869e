#include "learner/td/quantile.h"

#include <cmath>

#include "common/base/error.h"

namespace stillhouse::learner {
namespace {

template <typename T>
struct ValueAndSlope {
  T value;
  T slope;  ///< by u
};

/// huber_kappa(u) / kappa, or |u| without kappa.
template <typename T>
ValueAndSlope<T> ScaledHuber(T u, T kappa) {
  const T size = std::abs(u);
  if (kappa == 0) return {size, u == 0 ? T{0} : std::copysign(T{1}, u)};
  if (size <= kappa) return {u * u / (2 * kappa), u / kappa};
  return {size - kappa / 2, std::copysign(T{1}, u)};
}

}  // namespace

template <typename T>
QuantileLoss<T> QuantileHuberLoss(std::span<const T> theta, std::span<const T> tau,
                                  std::span<const T> target, std::span<const T> weights, T kappa,
                                  QuantileReduction reduction) {
  const std::size_t batch = weights.size();
  if (batch == 0 || theta.empty() || target.empty() || theta.size() % batch != 0 ||
      target.size() % batch != 0 || tau.size() != theta.size() || !(kappa >= 0)) {
    throw ShapeError(
        fmt::format("quantile loss: theta {}, tau {}, targets {} for {} rows, kappa {}",
                    theta.size(), tau.size(), target.size(), batch, kappa));
  }
  const std::size_t estimates = theta.size() / batch;
  const std::size_t samples = target.size() / batch;
  const T pairs = static_cast<T>(samples) *
                  (reduction == QuantileReduction::kMean ? static_cast<T>(estimates) : T{1});
  QuantileLoss<T> result;
  result.per_sample.resize(batch);
  result.gradient.resize(theta.size());
  for (std::size_t b = 0; b < batch; ++b) {
    const T scale = weights[b] / static_cast<T>(batch);
    for (std::size_t i = b * estimates; i < (b + 1) * estimates; ++i) {
      T slope = 0;
      for (const T wanted : target.subspan(b * samples, samples)) {
        const T u = wanted - theta[i];
        const T side = std::abs(tau[i] - (u < 0 ? T{1} : T{0}));
        const auto huber = ScaledHuber(u, kappa);
        result.per_sample[b] += side * huber.value / pairs;
        slope -= side * huber.slope / pairs;
      }
      result.gradient[i] = scale * slope;
    }
    result.loss += scale * result.per_sample[b];
  }
  return result;
}

template QuantileLoss<float> QuantileHuberLoss(std::span<const float>, std::span<const float>,
                                               std::span<const float>, std::span<const float>,
                                               float, QuantileReduction);
template QuantileLoss<double> QuantileHuberLoss(std::span<const double>, std::span<const double>,
                                                std::span<const double>, std::span<const double>,
                                                double, QuantileReduction);

}  // namespace stillhouse::learner
