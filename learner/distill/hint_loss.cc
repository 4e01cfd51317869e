#include "learner/distill/hint_loss.h"

#include "common/base/error.h"
#include "learner/distill/channel_map.h"

namespace stillhouse::learner {

template <typename T>
std::vector<T> Regressed(const FeatureRows<T>& rows) {
  const std::size_t count = CheckedRows(rows, /*same_positions=*/true);
  const auto [in, positions] = rows.student_shape;
  const std::size_t out = rows.teacher_shape.channels;
  if (rows.parameters.size() != out * (in + 1)) {
    throw ShapeError(fmt::format("hint: {} parameters for a map of {} to {} channels",
                                 rows.parameters.size(), in, out));
  }
  const auto weights = rows.parameters.first(out * in);
  const auto offsets = rows.parameters.last(out);
  std::vector<T> result(rows.teacher.size());
  for (std::size_t b = 0; b < count; ++b) {
    const auto row = std::span<T>(result).subspan(b * out * positions, out * positions);
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = offsets[i / positions];
    AddChannelMap(weights, rows.student.subspan(b * in * positions, in * positions), in, positions,
                  row);
  }
  return result;
}

template <typename T>
FeatureLoss<T> HintLoss(const FeatureRows<T>& rows, HintReduction reduction) {
  std::vector<T> errors = Regressed(rows);
  const auto [in, positions] = rows.student_shape;
  const std::size_t out = rows.teacher_shape.channels;
  const std::size_t size = out * positions;
  const std::size_t count = errors.size() / size;
  const T part = reduction == HintReduction::kHalfSum ? T{1} / 2 : T{1} / static_cast<T>(size);
  FeatureLoss<T> result;
  result.per_sample.resize(count);
  result.gradient.resize(rows.student.size());
  result.parameter_gradient.resize(rows.parameters.size());
  const std::span<T> d_weights = std::span<T>(result.parameter_gradient).first(out * in);
  const std::span<T> d_offsets = std::span<T>(result.parameter_gradient).last(out);
  for (std::size_t b = 0; b < count; ++b) {
    const T weight = (rows.weights.empty() ? T{1} : rows.weights[b]) / static_cast<T>(count);
    const auto row = std::span<T>(errors).subspan(b * size, size);
    for (std::size_t i = 0; i < size; ++i) {
      const T error = row[i] - rows.teacher[b * size + i];
      result.per_sample[b] += part * error * error;
      row[i] = 2 * part * weight * error;
      d_offsets[i / positions] += row[i];
    }
    result.loss += weight * result.per_sample[b];
    AddChannelMapGradients<T>(
        rows.parameters.first(out * in), rows.student.subspan(b * in * positions, in * positions),
        in, positions, row,
        std::span<T>(result.gradient).subspan(b * in * positions, in * positions), d_weights);
  }
  return result;
}

template std::vector<float> Regressed(const FeatureRows<float>&);
template std::vector<double> Regressed(const FeatureRows<double>&);
template FeatureLoss<float> HintLoss(const FeatureRows<float>&, HintReduction);
template FeatureLoss<double> HintLoss(const FeatureRows<double>&, HintReduction);

}  // namespace stillhouse::learner
