#include "learner/distill/factor_transfer.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "learner/distill/channel_map.h"

namespace stillhouse::learner {
namespace {

template <typename T>
std::size_t CheckedFactorRows(const FactorShape& shape, std::span<const T> features,
                              std::span<const T> parameters) {
  const std::size_t size = shape.features.Size();
  if (size == 0 || shape.factors == 0 || features.empty() || features.size() % size != 0 ||
      parameters.size() != shape.Parameters()) {
    throw ShapeError(fmt::format("factors: {} features in rows of [{},{}], {} parameters for {}",
                                 features.size(), shape.features.channels, shape.features.positions,
                                 parameters.size(), shape.factors));
  }
  return features.size() / size;
}

template <typename T>
T Norm(std::span<const T> values) {
  T sum = 0;
  for (const T value : values) sum += value * value;
  return std::sqrt(sum);
}

}  // namespace

template <typename T>
std::vector<T> EncodeFactors(const FactorShape& shape, std::span<const T> features,
                             std::span<const T> parameters) {
  const std::size_t count = CheckedFactorRows(shape, features, parameters);
  const auto [channels, positions] = shape.features;
  const std::size_t size = shape.factors * positions;
  std::vector<T> factors(count * size);
  for (std::size_t b = 0; b < count; ++b) {
    AddChannelMap(parameters.first(shape.factors * channels),
                  features.subspan(b * channels * positions, channels * positions), channels,
                  positions, std::span<T>(factors).subspan(b * size, size));
  }
  return factors;
}

template <typename T>
FeatureLoss<T> ReconstructionLoss(const FactorShape& shape, std::span<const T> features,
                                  std::span<const T> parameters) {
  const std::vector<T> factors = EncodeFactors(shape, features, parameters);
  const auto [channels, positions] = shape.features;
  const std::size_t size = shape.features.Size();
  const std::size_t codes = shape.factors * positions;
  const std::size_t count = features.size() / size;
  const std::size_t half = shape.factors * channels;
  FeatureLoss<T> result;
  result.per_sample.resize(count);
  result.parameter_gradient.resize(parameters.size());
  const auto d_encoder = std::span<T>(result.parameter_gradient).first(half);
  const auto d_decoder = std::span<T>(result.parameter_gradient).last(half);
  const T part = T{1} / static_cast<T>(size);
  for (std::size_t b = 0; b < count; ++b) {
    const auto wanted = features.subspan(b * size, size);
    const auto code = std::span<const T>(factors).subspan(b * codes, codes);
    std::vector<T> decoded(size);
    AddChannelMap<T>(parameters.last(half), code, shape.factors, positions, decoded);
    for (std::size_t i = 0; i < size; ++i) {
      const T error = decoded[i] - wanted[i];
      result.per_sample[b] += part * error * error;
      decoded[i] = 2 * part * error / static_cast<T>(count);
    }
    result.loss += result.per_sample[b] / static_cast<T>(count);
    std::vector<T> d_code(codes);
    AddChannelMapGradients<T>(parameters.last(half), code, shape.factors, positions, decoded,
                              d_code, d_decoder);
    AddChannelMapGradients<T>(parameters.first(half), wanted, channels, positions, d_code, {},
                              d_encoder);
  }
  return result;
}

template <typename T>
FeatureLoss<T> FactorTransferLoss(const FeatureRows<T>& rows) {
  const std::size_t count = CheckedRows(rows, /*same_positions=*/true);
  const auto [channels, positions] = rows.student_shape;
  const std::size_t size = rows.teacher_shape.Size();
  FeatureLoss<T> result;
  result.per_sample.resize(count);
  result.gradient.resize(rows.student.size());
  result.parameter_gradient.resize(rows.parameters.size());
  std::vector<T> factors(size);
  for (std::size_t b = 0; b < count; ++b) {
    const auto features = rows.student.subspan(b * channels * positions, channels * positions);
    const auto wanted = rows.teacher.subspan(b * size, size);
    std::fill(factors.begin(), factors.end(), T{0});
    AddChannelMap<T>(rows.parameters, features, channels, positions, factors);
    const T norm = Norm<T>(factors);
    const T wanted_norm = Norm<T>(wanted);
    const T weight = (rows.weights.empty() ? T{1} : rows.weights[b]) / static_cast<T>(count);
    const T part = T{1} / static_cast<T>(size);
    std::vector<T> d_factors(size);
    T along = 0;  // what the division by the norm takes out of the gradient
    for (std::size_t i = 0; i < size; ++i) {
      const T own = norm > 0 ? factors[i] / norm : T{0};
      const T error = own - (wanted_norm > 0 ? wanted[i] / wanted_norm : T{0});
      result.per_sample[b] += part * std::abs(error);
      d_factors[i] = error == 0 ? T{0} : std::copysign(part * weight, error);
      along += d_factors[i] * own;
    }
    result.loss += weight * result.per_sample[b];
    if (norm == 0) continue;
    for (std::size_t i = 0; i < size; ++i) {
      d_factors[i] = (d_factors[i] - along * factors[i] / norm) / norm;
    }
    AddChannelMapGradients<T>(
        rows.parameters, features, channels, positions, d_factors,
        std::span<T>(result.gradient).subspan(b * channels * positions, channels * positions),
        result.parameter_gradient);
  }
  return result;
}

template std::vector<float> EncodeFactors(const FactorShape&, std::span<const float>,
                                          std::span<const float>);
template std::vector<double> EncodeFactors(const FactorShape&, std::span<const double>,
                                           std::span<const double>);
template FeatureLoss<float> ReconstructionLoss(const FactorShape&, std::span<const float>,
                                               std::span<const float>);
template FeatureLoss<double> ReconstructionLoss(const FactorShape&, std::span<const double>,
                                                std::span<const double>);
template FeatureLoss<float> FactorTransferLoss(const FeatureRows<float>&);
template FeatureLoss<double> FactorTransferLoss(const FeatureRows<double>&);

}  // namespace stillhouse::learner
