#include "learner/distill/bias_correction.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"

namespace stillhouse::learner {
namespace {

constexpr double kMostBias = 100;
constexpr double kPrecision = 1e-4;

/// Mean over the rows of softmax(q + bias on the label)[label].
double MeanProbability(std::span<const float> q, std::size_t num_actions, std::size_t label,
                       double bias) {
  double total = 0;
  for (std::size_t at = 0; at < q.size(); at += num_actions) {
    const double own = static_cast<double>(q[at + label]) + bias;
    double others = 0;  // relative to the label's
    for (std::size_t a = 0; a < num_actions; ++a) {
      if (a != label) others += std::exp(std::min(static_cast<double>(q[at + a]) - own, 700.0));
    }
    total += 1 / (1 + others);
  }
  return total / static_cast<double>(q.size() / num_actions);
}

/// Where the bias of action `label` stands in the flat block.
std::size_t PlaceOfBias(const NetworkSpec& spec, std::int32_t label) {
  return static_cast<std::size_t>(spec.Tensors().back().offset + label);
}

}  // namespace

float BalancingBias(std::span<const float> q, std::size_t num_actions, std::size_t label,
                    double share) {
  double low = -kMostBias;
  double high = kMostBias;
  while (high - low > kPrecision) {
    const double middle = (low + high) / 2;
    (MeanProbability(q, num_actions, label, middle) < share ? low : high) = middle;
  }
  return static_cast<float>((low + high) / 2);
}

void BiasCorrection::Remember(const LabelledBatch& batch) {
  if (batch.truths.size() != batch.batch) {
    throw ShapeError(
        fmt::format("labelled batch {}: {} truths for {} rows, a bias is to be corrected",
                    batch.sequence, batch.truths.size(), batch.batch));
  }
  const auto bytes =
      static_cast<std::ptrdiff_t>(batch.observations.size() / batch.rows * batch.batch);
  Rows rows{{batch.observations.begin(), batch.observations.begin() + bytes},
            batch.batch,
            static_cast<std::size_t>(std::count(batch.truths.begin(), batch.truths.end(), label_))};
  remembered_ += rows.count;
  batches_.push_back(std::move(rows));
  while (batches_.size() > 1 && remembered_ > kRows) {
    remembered_ -= batches_.front().count;
    batches_.pop_front();
  }
}

std::vector<float> BiasCorrection::Apply(TrainedModel& model) const {
  std::vector<float> parameters = model.Parameters();
  std::vector<PackedRows> parts;
  std::size_t of_label = 0;
  for (const Rows& rows : batches_) {
    parts.emplace_back(rows.observations);
    of_label += rows.of_label;
  }
  if (of_label == 0 || of_label == remembered_) return parameters;
  const auto q = model.Forward(parts);
  const double share = static_cast<double>(of_label) / static_cast<double>(remembered_);
  // The last tensor is the head's bias, or the advantages': a common shift of those changes
  // nothing.
  parameters[PlaceOfBias(model.Spec(), label_)] +=
      BalancingBias(q, static_cast<std::size_t>(model.Spec().NumActions()),
                    static_cast<std::size_t>(label_), share);
  return parameters;
}

}  // namespace stillhouse::learner
