#include "learner/distill/attention_loss.h"

#include <cmath>

#include "common/base/error.h"

namespace stillhouse::learner {
namespace {

template <typename T>
T Norm(std::span<const T> values) {
  T sum = 0;
  for (const T value : values) sum += value * value;
  return std::sqrt(sum);
}

/// Of one row: the map, and the norm that it was divided by.
template <typename T>
struct Map {
  std::vector<T> values;  ///< [P]
  T norm = 0;
};

template <typename T>
Map<T> MapOf(const FeatureShape& shape, std::span<const T> row, T p) {
  Map<T> map{std::vector<T>(shape.positions), 0};
  for (std::size_t i = 0; i < row.size(); ++i) {
    const T size = std::abs(row[i]);
    map.values[i % shape.positions] += p == 2 ? size * size : std::pow(size, p);
  }
  map.norm = Norm<T>(map.values);
  if (map.norm > 0) {
    for (T& value : map.values) value /= map.norm;
  }
  return map;
}

/// Adds the gradient by a row's features, from that by its map.
template <typename T>
void AddMapGradient(const FeatureShape& shape, std::span<const T> row, T p, const Map<T>& map,
                    std::span<const T> d_map, std::span<T> d_row) {
  if (map.norm == 0) return;
  T along = 0;  // what moving along the map itself would do: the norm takes it out
  for (std::size_t i = 0; i < d_map.size(); ++i) along += d_map[i] * map.values[i];
  for (std::size_t i = 0; i < row.size(); ++i) {
    const std::size_t at = i % shape.positions;
    const T d_sum = (d_map[at] - along * map.values[at]) / map.norm;
    const T size = std::abs(row[i]);
    const T slope = p == 2 ? 2 * size : p * std::pow(size, p - 1);
    if (row[i] != 0) d_row[i] += d_sum * std::copysign(slope, row[i]);
  }
}

}  // namespace

template <typename T>
std::vector<T> AttentionMaps(const FeatureShape& shape, std::span<const T> features, T p) {
  if (shape.Size() == 0 || features.size() % shape.Size() != 0) {
    throw ShapeError(fmt::format("attention: {} features in rows of [{},{}]", features.size(),
                                 shape.channels, shape.positions));
  }
  std::vector<T> maps;
  for (std::size_t at = 0; at < features.size(); at += shape.Size()) {
    const auto map = MapOf(shape, features.subspan(at, shape.Size()), p);
    maps.insert(maps.end(), map.values.begin(), map.values.end());
  }
  return maps;
}

template <typename T>
FeatureLoss<T> AttentionLoss(const FeatureRows<T>& rows, T p, AttentionReduction reduction) {
  const std::size_t count = CheckedRows(rows, /*same_positions=*/true);
  const std::size_t positions = rows.student_shape.positions;
  const std::size_t size = rows.student_shape.Size();
  const std::vector<T> wanted = AttentionMaps(rows.teacher_shape, rows.teacher, p);
  FeatureLoss<T> result;
  result.per_sample.resize(count);
  result.gradient.resize(rows.student.size());
  std::vector<T> difference(positions);
  for (std::size_t b = 0; b < count; ++b) {
    const auto row = rows.student.subspan(b * size, size);
    const auto map = MapOf(rows.student_shape, row, p);
    for (std::size_t i = 0; i < positions; ++i) {
      difference[i] = map.values[i] - wanted[b * positions + i];
    }
    const T distance = Norm<T>(difference);
    const bool square = reduction == AttentionReduction::kMeanSquare;
    result.per_sample[b] = square ? distance * distance / static_cast<T>(positions) : distance;
    const T weight = (rows.weights.empty() ? T{1} : rows.weights[b]) / static_cast<T>(count);
    result.loss += weight * result.per_sample[b];
    const T slope = square ? 2 / static_cast<T>(positions) : (distance > 0 ? 1 / distance : T{0});
    for (T& value : difference) value *= weight * slope;
    AddMapGradient<T>(rows.student_shape, row, p, map, difference,
                      std::span<T>(result.gradient).subspan(b * size, size));
  }
  return result;
}

template std::vector<float> AttentionMaps(const FeatureShape&, std::span<const float>, float);
template std::vector<double> AttentionMaps(const FeatureShape&, std::span<const double>, double);
template FeatureLoss<float> AttentionLoss(const FeatureRows<float>&, float, AttentionReduction);
template FeatureLoss<double> AttentionLoss(const FeatureRows<double>&, double, AttentionReduction);

}  // namespace stillhouse::learner
