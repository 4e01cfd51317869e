#include "learner/distill/output_losses.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "common/base/error.h"
#include "learner/distill/divergences.h"
#include "learner/distill/point_losses.h"

namespace stillhouse::learner {
namespace {

constexpr std::array kTable = {
    OutputLossEntry{"kl", LossKind::kKl, OutputLossClass::kDivergence, true, true, 1},
    OutputLossEntry{"kl_reverse", LossKind::kKlReverse, OutputLossClass::kDivergence, true, true,
                    1},
    OutputLossEntry{"js", LossKind::kJs, OutputLossClass::kDivergence, true, true, 1},
    OutputLossEntry{"cross_entropy", LossKind::kCrossEntropy, OutputLossClass::kCrossEntropy, true,
                    true, 1},
    OutputLossEntry{"dkd", LossKind::kDkd, OutputLossClass::kDivergence, true, true, 3},
    OutputLossEntry{"mse", LossKind::kMse, OutputLossClass::kRegression, false, false, 1},
    OutputLossEntry{"mse_centered", LossKind::kMseCentered, OutputLossClass::kRegression, true,
                    false, 1},
    OutputLossEntry{"huber", LossKind::kHuber, OutputLossClass::kRegression, false, false, 1},
    OutputLossEntry{"nll", LossKind::kNll, OutputLossClass::kCrossEntropy, true, false, 1},
};

template <typename T>
T KindLoss(const OutputLossTerms& terms, const LossRow<T>& row) {
  switch (terms.kind) {
    case LossKind::kKl:
      return ForwardKl(row);
    case LossKind::kKlReverse:
      return ReverseKl(row);
    case LossKind::kJs:
      return JensenShannon(row);
    case LossKind::kCrossEntropy:
      return SoftCrossEntropy(row);
    case LossKind::kDkd:
      return Decoupled(row, static_cast<T>(terms.target_weight),
                       static_cast<T>(terms.non_target_weight));
    case LossKind::kMse:
      return SquaredError(row);
    case LossKind::kMseCentered:
      return CenteredSquaredError(row);
    case LossKind::kHuber:
      return HuberError(row);
    case LossKind::kNll:
      return LabelCrossEntropy(row);
  }
  SH_CHECK(false, "loss kind {}", static_cast<int>(terms.kind));
}

/// The loss `kind` with its temperature.
template <typename T>
T SoftLoss(const OutputLossTerms& terms, const LossRow<T>& row) {
  if (!EntryOf(terms.kind).tempered) return KindLoss(terms, row);
  const auto tau = static_cast<T>(terms.temperature);
  const T student_tau = terms.temper == Temper::kBoth ? tau : T{1};
  LogProbabilities(row, tau, student_tau);
  const T scale = terms.tau_squared ? tau * tau : T{1};
  const T loss = KindLoss(terms, row) * scale;
  for (T& g : row.gradient) g *= scale / student_tau;
  return loss;
}

/// Both parts. `scratch` [A] is overwritten.
template <typename T>
T RowLoss(const OutputLossTerms& terms, const LossRow<T>& row, std::span<T> scratch) {
  T loss = 0;
  if (terms.soft_weight != 0) {
    const auto weight = static_cast<T>(terms.soft_weight);
    loss = weight * SoftLoss(terms, row);
    for (T& g : row.gradient) g *= weight;
  }
  if (terms.hard_weight != 0) {
    const auto weight = static_cast<T>(terms.hard_weight);
    LossRow<T> hard = row;
    hard.gradient = scratch;
    std::fill(scratch.begin(), scratch.end(), T{0});
    loss += weight * LabelCrossEntropy(hard);
    for (std::size_t a = 0; a < scratch.size(); ++a) row.gradient[a] += weight * scratch[a];
  }
  return loss;
}

template <typename T>
void CheckShapes(const OutputRows<T>& rows) {
  const std::size_t actions = rows.num_actions;
  if (actions == 0 || rows.student.size() % actions != 0 ||
      rows.teacher.size() != rows.student.size() ||
      (!rows.weights.empty() && rows.weights.size() * actions != rows.student.size()) ||
      (!rows.labels.empty() && rows.labels.size() * actions != rows.student.size()) ||
      (!rows.legal.empty() && rows.legal.size() != rows.student.size())) {
    throw ShapeError(fmt::format(
        "output loss: student {}, teacher {}, weights {}, labels {}, legal {} for {} actions",
        rows.student.size(), rows.teacher.size(), rows.weights.size(), rows.labels.size(),
        rows.legal.size(), actions));
  }
  for (std::size_t at = 0; at < rows.legal.size(); at += actions) {
    const auto legal = rows.legal.subspan(at, actions);
    if (std::none_of(legal.begin(), legal.end(), [](std::uint8_t flag) { return flag != 0; })) {
      throw ShapeError(fmt::format("output loss: row {} has no legal action", at / actions));
    }
  }
}

/// The truth of row b, or else the teacher's greedy action.
template <typename T>
std::size_t LabelOf(const OutputRows<T>& rows, std::size_t b, const LossRow<T>& row) {
  if (rows.labels.empty()) return GreedyAction(row.teacher, row.legal);
  const std::int32_t label = rows.labels[b];
  if (label < 0 || static_cast<std::size_t>(label) >= rows.num_actions ||
      !row.Legal(static_cast<std::size_t>(label))) {
    throw ShapeError(fmt::format("output loss: row {} has label {}, not one of {} legal actions", b,
                                 label, rows.num_actions));
  }
  return static_cast<std::size_t>(label);
}

}  // namespace

std::span<const OutputLossEntry> OutputLossTable() { return kTable; }

const OutputLossEntry& EntryOf(LossKind kind) {
  const auto* const found = std::find_if(kTable.begin(), kTable.end(),
                                         [kind](const auto& entry) { return entry.kind == kind; });
  SH_CHECK(found != kTable.end(), "loss kind {}", static_cast<int>(kind));
  return *found;
}

OutputLossTerms TermsAt(const DistillLossSettings& settings, std::uint64_t update) {
  return {settings.kind,
          settings.temper,
          settings.temperature.At(update),
          settings.tau_squared,
          settings.soft_weight.At(update),
          settings.hard_weight.At(update),
          settings.target_weight,
          settings.non_target_weight};
}

template <typename T>
OutputLoss<T> ComputeOutputLoss(const OutputLossTerms& terms, const OutputRows<T>& rows) {
  CheckShapes(rows);
  const std::size_t actions = rows.num_actions;
  const std::size_t count = rows.student.size() / actions;
  OutputLoss<T> result;
  result.per_sample.resize(count);
  result.gradient.resize(rows.student.size());
  std::vector<T> scratch(3 * actions);
  const std::span<T> free(scratch);
  for (std::size_t b = 0; b < count; ++b) {
    const std::size_t at = b * actions;
    const auto gradient = std::span<T>(result.gradient).subspan(at, actions);
    LossRow<T> row{rows.student.subspan(at, actions),
                   rows.teacher.subspan(at, actions),
                   rows.legal.empty() ? rows.legal : rows.legal.subspan(at, actions),
                   0,
                   free.first(actions),
                   free.subspan(actions, actions),
                   gradient};
    row.label = LabelOf(rows, b, row);
    result.per_sample[b] = RowLoss(terms, row, free.last(actions));
    const T weight = rows.weights.empty() ? T{1} : rows.weights[b];
    result.loss += weight * result.per_sample[b];
    for (T& g : gradient) g *= weight / static_cast<T>(count);
  }
  result.loss /= static_cast<T>(std::max<std::size_t>(count, 1));
  return result;
}

template OutputLoss<float> ComputeOutputLoss(const OutputLossTerms&, const OutputRows<float>&);
template OutputLoss<double> ComputeOutputLoss(const OutputLossTerms&, const OutputRows<double>&);

}  // namespace stillhouse::learner
