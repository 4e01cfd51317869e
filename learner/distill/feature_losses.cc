#include "learner/distill/feature_losses.h"

#include <algorithm>
#include <array>

#include "common/base/error.h"
#include "learner/distill/attention_loss.h"
#include "learner/distill/factor_transfer.h"
#include "learner/distill/hint_loss.h"
#include "learner/distill/relational_losses.h"

namespace stillhouse::learner {
namespace {

constexpr std::array kTable = {
    FeatureLossEntry{"hint", FeatureLossKind::kHint, {}, true, true},
    FeatureLossEntry{"attention", FeatureLossKind::kAttention, {.scale = true}, true, false},
    FeatureLossEntry{"autoencoder", FeatureLossKind::kAutoencoder, {.scale = true}, true, true},
    FeatureLossEntry{"relational_distance",
                     FeatureLossKind::kRelationalDistance,
                     {.offset = true, .scale = true, .rotation = true},
                     false,
                     false},
    FeatureLossEntry{"relational_angle",
                     FeatureLossKind::kRelationalAngle,
                     {.offset = true, .scale = true, .rotation = true},
                     false,
                     false},
};

}  // namespace

std::span<const FeatureLossEntry> FeatureLossTable() { return kTable; }

std::size_t FeatureParameters(FeatureLossKind kind, const FeatureShape& student,
                              const FeatureShape& teacher) {
  switch (kind) {
    case FeatureLossKind::kHint:
      return teacher.channels * (student.channels + 1);
    case FeatureLossKind::kAutoencoder:
      return teacher.channels * student.channels;
    case FeatureLossKind::kAttention:
    case FeatureLossKind::kRelationalDistance:
    case FeatureLossKind::kRelationalAngle:
      return 0;
  }
  SH_CHECK(false, "feature loss {}", static_cast<int>(kind));
}

template <typename T>
std::size_t CheckedRows(const FeatureRows<T>& rows, bool same_positions) {
  const std::size_t size = rows.student_shape.Size();
  const std::size_t count = size == 0 ? 0 : rows.student.size() / size;
  if (count == 0 || rows.student.size() != count * size ||
      rows.teacher.size() != count * rows.teacher_shape.Size() || rows.teacher.empty() ||
      (!rows.weights.empty() && rows.weights.size() != count) ||
      (same_positions && rows.student_shape.positions != rows.teacher_shape.positions)) {
    throw ShapeError(
        fmt::format("feature loss: student {} of [{},{}], teacher {} of [{},{}], weights {}",
                    rows.student.size(), rows.student_shape.channels, rows.student_shape.positions,
                    rows.teacher.size(), rows.teacher_shape.channels, rows.teacher_shape.positions,
                    rows.weights.size()));
  }
  return count;
}

template <typename T>
FeatureLoss<T> ComputeFeatureLoss(FeatureLossKind kind, const FeatureRows<T>& rows) {
  const std::size_t wanted = FeatureParameters(kind, rows.student_shape, rows.teacher_shape);
  if (rows.parameters.size() != wanted) {
    throw ShapeError(
        fmt::format("feature loss: {} parameters, {} expected", rows.parameters.size(), wanted));
  }
  switch (kind) {
    case FeatureLossKind::kHint:
      return HintLoss(rows, HintReduction::kMeanOfEntries);
    case FeatureLossKind::kAttention:
      return AttentionLoss(rows, T{2}, AttentionReduction::kMeanSquare);
    case FeatureLossKind::kAutoencoder:
      return FactorTransferLoss(rows);
    case FeatureLossKind::kRelationalDistance:
      return RelationalDistanceLoss(rows);
    case FeatureLossKind::kRelationalAngle:
      return RelationalAngleLoss(rows);
  }
  SH_CHECK(false, "feature loss {}", static_cast<int>(kind));
}

template std::size_t CheckedRows(const FeatureRows<float>&, bool);
template std::size_t CheckedRows(const FeatureRows<double>&, bool);
template FeatureLoss<float> ComputeFeatureLoss(FeatureLossKind, const FeatureRows<float>&);
template FeatureLoss<double> ComputeFeatureLoss(FeatureLossKind, const FeatureRows<double>&);

}  // namespace stillhouse::learner
