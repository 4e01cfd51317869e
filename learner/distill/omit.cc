#include "learner/distill/omit.h"

#include "common/base/error.h"

namespace stillhouse::learner {

LabelledBatch WithoutTruth(const LabelledBatch& batch, std::int32_t omit) {
  if (batch.truths.size() != batch.batch) {
    throw ShapeError(
        fmt::format("labelled batch {}: {} truths for {} rows, a class is to be omitted",
                    batch.sequence, batch.truths.size(), batch.batch));
  }
  LabelledBatch kept = batch;
  kept.weights.clear();
  kept.labels.clear();
  kept.truths.clear();
  for (OtherLabels& other : kept.others) other.labels.clear();
  for (TeacherFeatures& of : kept.features) of.values.clear();
  kept.observations.clear();
  const auto bytes = static_cast<std::ptrdiff_t>(batch.observations.size() / batch.rows);
  const auto actions = static_cast<std::ptrdiff_t>(batch.num_actions);
  for (std::size_t row = 0; row < batch.batch; ++row) {
    if (batch.truths[row] == omit) continue;
    const auto at = static_cast<std::ptrdiff_t>(row);
    kept.weights.push_back(batch.weights[row]);
    kept.truths.push_back(batch.truths[row]);
    kept.labels.insert(kept.labels.end(), batch.labels.begin() + at * actions,
                       batch.labels.begin() + (at + 1) * actions);
    for (std::size_t k = 0; k < kept.others.size(); ++k) {
      const auto from = batch.others[k].labels.begin() + at * actions;
      kept.others[k].labels.insert(kept.others[k].labels.end(), from, from + actions);
    }
    for (std::size_t k = 0; k < kept.features.size(); ++k) {
      const auto& whole = batch.features[k].values;
      const auto size = static_cast<std::ptrdiff_t>(whole.size() / batch.batch);
      kept.features[k].values.insert(kept.features[k].values.end(), whole.begin() + at * size,
                                     whole.begin() + (at + 1) * size);
    }
    kept.observations.insert(kept.observations.end(), batch.observations.begin() + at * bytes,
                             batch.observations.begin() + (at + 1) * bytes);
  }
  kept.batch = kept.rows = static_cast<std::uint32_t>(kept.truths.size());
  return kept;
}

}  // namespace stillhouse::learner
