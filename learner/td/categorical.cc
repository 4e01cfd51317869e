#include "learner/td/categorical.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"

namespace stillhouse::learner {
namespace {

void CheckSupport(const AtomSupport& support) {
  if (support.atoms < 2 || !(support.v_min < support.v_max)) {
    throw ShapeError(fmt::format("{} atoms from {} to {}: two or more, upwards", support.atoms,
                                 support.v_min, support.v_max));
  }
}

}  // namespace

template <typename T>
std::vector<T> ExpectedValues(const AtomSupport& support, std::span<const T> probabilities) {
  CheckSupport(support);
  if (probabilities.size() % support.atoms != 0) {
    throw ShapeError(
        fmt::format("{} probabilities for {} atoms", probabilities.size(), support.atoms));
  }
  std::vector<T> values(probabilities.size() / support.atoms);
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    values[i / support.atoms] +=
        static_cast<T>(support.Value(i % support.atoms)) * probabilities[i];
  }
  return values;
}

template <typename T>
std::vector<T> ProjectDistribution(const AtomSupport& support, std::span<const T> rewards,
                                   std::span<const T> discounts, std::span<const T> next) {
  CheckSupport(support);
  const std::size_t atoms = support.atoms;
  if (discounts.size() != rewards.size() || next.size() != rewards.size() * atoms) {
    throw ShapeError(fmt::format("{} rewards, {} discounts, {} probabilities for {} atoms",
                                 rewards.size(), discounts.size(), next.size(), atoms));
  }
  const auto low = static_cast<T>(support.v_min);
  const auto high = static_cast<T>(support.v_max);
  const auto step = static_cast<T>(support.Step());
  std::vector<T> projected(next.size());
  for (std::size_t b = 0; b < rewards.size(); ++b) {
    T* const row = projected.data() + b * atoms;
    for (std::size_t j = 0; j < atoms; ++j) {
      const T moved = rewards[b] + discounts[b] * static_cast<T>(support.Value(j));
      const T place =
          std::clamp((std::clamp(moved, low, high) - low) / step, T{0}, static_cast<T>(atoms - 1));
      const T below = std::floor(place);
      const auto at = static_cast<std::size_t>(below);
      const T mass = next[b * atoms + j];
      row[at] += mass * (1 - (place - below));
      if (at + 1 < atoms) row[at + 1] += mass * (place - below);
    }
  }
  return projected;
}

template <typename T>
DistributionalLoss<T> CategoricalLoss(std::size_t atoms, std::span<const T> target,
                                      std::span<const T> logits, std::span<const T> weights) {
  const std::size_t batch = weights.size();
  if (atoms == 0 || target.size() != batch * atoms || logits.size() != batch * atoms) {
    throw ShapeError(fmt::format("categorical loss: targets {}, logits {} for {} rows of {} atoms",
                                 target.size(), logits.size(), batch, atoms));
  }
  DistributionalLoss<T> result;
  result.per_sample.resize(batch);
  result.gradient.resize(logits.size());
  for (std::size_t b = 0; b < batch; ++b) {
    const auto row = logits.subspan(b * atoms, atoms);
    const auto wanted = target.subspan(b * atoms, atoms);
    const T top = *std::max_element(row.begin(), row.end());
    T sum = 0;
    for (const T z : row) sum += std::exp(z - top);
    const T log_sum = top + std::log(sum);
    T mass = 0;  // 1, but for rounding
    for (std::size_t i = 0; i < atoms; ++i) {
      result.per_sample[b] -= wanted[i] * (row[i] - log_sum);
      mass += wanted[i];
    }
    const T scale = weights[b] / static_cast<T>(batch);
    for (std::size_t i = 0; i < atoms; ++i) {
      result.gradient[b * atoms + i] = scale * (mass * std::exp(row[i] - log_sum) - wanted[i]);
    }
    result.loss += scale * result.per_sample[b];
  }
  return result;
}

template std::vector<float> ExpectedValues(const AtomSupport&, std::span<const float>);
template std::vector<float> ProjectDistribution(const AtomSupport&, std::span<const float>,
                                                std::span<const float>, std::span<const float>);
template DistributionalLoss<float> CategoricalLoss(std::size_t, std::span<const float>,
                                                   std::span<const float>, std::span<const float>);
template std::vector<double> ExpectedValues(const AtomSupport&, std::span<const double>);
template std::vector<double> ProjectDistribution(const AtomSupport&, std::span<const double>,
                                                 std::span<const double>, std::span<const double>);
template DistributionalLoss<double> CategoricalLoss(std::size_t, std::span<const double>,
                                                    std::span<const double>,
                                                    std::span<const double>);

}  // namespace stillhouse::learner
