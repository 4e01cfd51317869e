#include "learner/distill/relational_losses.h"

#include <algorithm>
#include <cmath>

namespace stillhouse::learner {
namespace {

/// The Huber loss with delta 1 and its slope.
template <typename T>
T Huber(T error, T& slope) {
  slope = std::clamp(error, T{-1}, T{1});
  return slope * (error - slope / 2);
}

template <typename T>
T Dot(const T* x, const T* y, std::size_t size) {
  T sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum += x[i] * y[i];
  return sum;
}

/// |x_i - x_j| of all pairs, and their mean over i != j.
template <typename T>
struct Distances {
  std::vector<T> values;  ///< [B, B]
  T mean = 0;
};

template <typename T>
Distances<T> DistancesOf(std::span<const T> x, std::size_t count) {
  const std::size_t size = x.size() / count;
  Distances<T> result{std::vector<T>(count * count), 0};
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) {
      T sum = 0;
      for (std::size_t d = 0; d < size; ++d) {
        const T step = x[i * size + d] - x[j * size + d];
        sum += step * step;
      }
      result.values[i * count + j] = result.values[j * count + i] = std::sqrt(sum);
      result.mean += 2 * std::sqrt(sum);
    }
  }
  result.mean /= static_cast<T>(count * (count - 1));
  return result;
}

/// A row's weight over the number of rows.
template <typename T>
T Share(const FeatureRows<T>& rows, std::size_t b, std::size_t count) {
  return (rows.weights.empty() ? T{1} : rows.weights[b]) / static_cast<T>(count);
}

/// Unit vectors from row `vertex` to every row, and the lengths that they had.
template <typename T>
struct Directions {
  std::vector<T> units;    ///< [B, D]; 0 at the vertex and at rows equal to it
  std::vector<T> lengths;  ///< [B]

  Directions(std::span<const T> x, std::size_t count, std::size_t vertex)
      : units(x.begin(), x.end()), lengths(count) {
    const std::size_t size = x.size() / count;
    for (std::size_t i = 0; i < count; ++i) {
      T* const unit = units.data() + i * size;
      for (std::size_t d = 0; d < size; ++d) unit[d] -= x[vertex * size + d];
      lengths[i] = std::sqrt(Dot(unit, unit, size));
      if (lengths[i] == 0) continue;
      for (std::size_t d = 0; d < size; ++d) unit[d] /= lengths[i];
    }
  }
};

/// Adds the gradient of one vertex: d_units [B, D] is that by its unit vectors.
template <typename T>
void AddDirectionGradient(const Directions<T>& directions, std::span<const T> d_units,
                          std::size_t vertex, std::span<T> gradient) {
  const std::size_t size = gradient.size() / directions.lengths.size();
  for (std::size_t i = 0; i < directions.lengths.size(); ++i) {
    if (directions.lengths[i] == 0) continue;
    const T* const unit = directions.units.data() + i * size;
    const T along = Dot(d_units.data() + i * size, unit, size);
    for (std::size_t d = 0; d < size; ++d) {
      const T step = (d_units[i * size + d] - along * unit[d]) / directions.lengths[i];
      gradient[i * size + d] += step;
      gradient[vertex * size + d] -= step;
    }
  }
}

/// The angles at one vertex: adds its loss's gradient and returns the loss.
template <typename T>
T AnglesAt(const FeatureRows<T>& rows, std::size_t count, std::size_t vertex,
           std::span<T> gradient) {
  const std::size_t size = rows.student_shape.Size();
  const std::size_t teacher_size = rows.teacher_shape.Size();
  const Directions<T> own(rows.student, count, vertex);
  const Directions<T> wanted(rows.teacher, count, vertex);
  const T part = T{1} / static_cast<T>((count - 1) * (count - 2));
  const T scale = 2 * part * Share(rows, vertex, count);  // (i, k) and (k, i)
  std::vector<T> d_units(rows.student.size());
  T loss = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (i == vertex) continue;
    for (std::size_t k = i + 1; k < count; ++k) {
      if (k == vertex) continue;
      const T* const to_i = own.units.data() + i * size;
      const T* const to_k = own.units.data() + k * size;
      T slope = 0;
      loss +=
          2 * part *
          Huber(Dot(to_i, to_k, size) - Dot(wanted.units.data() + i * teacher_size,
                                            wanted.units.data() + k * teacher_size, teacher_size),
                slope);
      for (std::size_t d = 0; d < size; ++d) {
        d_units[i * size + d] += scale * slope * to_k[d];
        d_units[k * size + d] += scale * slope * to_i[d];
      }
    }
  }
  AddDirectionGradient<T>(own, d_units, vertex, gradient);
  return loss;
}

}  // namespace

template <typename T>
FeatureLoss<T> RelationalDistanceLoss(const FeatureRows<T>& rows) {
  const std::size_t count = CheckedRows(rows, /*same_positions=*/false);
  const std::size_t size = rows.student_shape.Size();
  FeatureLoss<T> result;
  result.per_sample.resize(count);
  result.gradient.resize(rows.student.size());
  if (count < 2) return result;
  const auto own = DistancesOf(rows.student, count);
  const auto wanted = DistancesOf(rows.teacher, count);
  const T part = T{1} / static_cast<T>(count - 1);
  const T own_scale = own.mean > 0 ? 1 / own.mean : T{0};
  const T wanted_scale = wanted.mean > 0 ? 1 / wanted.mean : T{0};
  std::vector<T> slopes(count * count);  // by each relative distance
  T by_mean = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const T share = Share(rows, i, count);
    for (std::size_t j = 0; j < count; ++j) {
      if (i == j) continue;
      const std::size_t at = i * count + j;
      T slope = 0;
      result.per_sample[i] +=
          part * Huber(own.values[at] * own_scale - wanted.values[at] * wanted_scale, slope);
      slopes[at] = share * part * slope;
      by_mean += slopes[at] * own.values[at] * own_scale;
    }
    result.loss += share * result.per_sample[i];
  }
  const T common = by_mean / static_cast<T>(count * (count - 1));  // the mean moves with each one
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) {
      const T distance = own.values[i * count + j];
      if (distance == 0) continue;
      const T pull =
          own_scale * (slopes[i * count + j] + slopes[j * count + i] - 2 * common) / distance;
      for (std::size_t d = 0; d < size; ++d) {
        result.gradient[i * size + d] +=
            pull * (rows.student[i * size + d] - rows.student[j * size + d]);
      }
    }
  }
  return result;
}

template <typename T>
FeatureLoss<T> RelationalAngleLoss(const FeatureRows<T>& rows) {
  const std::size_t count = CheckedRows(rows, /*same_positions=*/false);
  FeatureLoss<T> result;
  result.per_sample.resize(count);
  result.gradient.resize(rows.student.size());
  if (count < 3) return result;
  for (std::size_t vertex = 0; vertex < count; ++vertex) {
    result.per_sample[vertex] = AnglesAt<T>(rows, count, vertex, result.gradient);
    result.loss += Share(rows, vertex, count) * result.per_sample[vertex];
  }
  return result;
}

template FeatureLoss<float> RelationalDistanceLoss(const FeatureRows<float>&);
template FeatureLoss<double> RelationalDistanceLoss(const FeatureRows<double>&);
template FeatureLoss<float> RelationalAngleLoss(const FeatureRows<float>&);
template FeatureLoss<double> RelationalAngleLoss(const FeatureRows<double>&);

}  // namespace stillhouse::learner
