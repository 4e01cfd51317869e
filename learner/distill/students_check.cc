// What a batch must have for the students of a host.
#include <algorithm>

#include "common/base/error.h"
#include "learner/distill/students.h"

namespace stillhouse::learner {

void Students::CheckBatch(const LabelledBatch& batch) const {
  const std::size_t row_bytes =
      members_.empty()
          ? 0
          : static_cast<std::size_t>(members_[0].student.model->Spec().Observation().PackedBytes());
  const std::size_t values = std::size_t{batch.rows} * batch.num_actions;
  const bool others_fit =
      std::all_of(batch.others.begin(), batch.others.end(),
                  [&](const OtherLabels& other) { return other.labels.size() == values; });
  const bool wants_truth = std::any_of(members_.begin(), members_.end(), [](const Member& member) {
    return member.student.settings.loss.label == LabelBy::kTruth;
  });
  if (batch.batch == 0 || (batch.rows != batch.batch && batch.rows != 2 * batch.batch) ||
      batch.num_actions != canonical_.size() || batch.weights.size() != batch.batch ||
      batch.labels.size() != values || !others_fit ||
      (!batch.truths.empty() && batch.truths.size() != batch.batch) ||
      (batch.truths.empty() && wants_truth) ||
      batch.observations.size() != batch.rows * row_bytes) {
    throw ShapeError(fmt::format(
        "labelled batch {} of learner {}: batch {}, rows {}, {} actions (expected {}), {} weights, "
        "{} labels, {} truths, {} bytes of observations in rows of {}",
        batch.sequence, batch.learner, batch.batch, batch.rows, batch.num_actions,
        canonical_.size(), batch.weights.size(), batch.labels.size(), batch.truths.size(),
        batch.observations.size(), row_bytes));
  }
  CheckRewards(batch);
  CheckFeatures(batch);
}

void Students::CheckFeatures(const LabelledBatch& batch) const {
  for (const Member& member : members_) {
    const HostedStudent& student = member.student;
    if (student.shared_parameters > batch.shared.size()) {
      throw ShapeError(fmt::format("labelled batch {}: {} parameters of the teacher, {} shares {}",
                                   batch.sequence, batch.shared.size(), student.settings.name,
                                   student.shared_parameters));
    }
    if (!student.features) continue;
    const FeatureLink& link = student.features->Link();
    const TeacherFeatures* const of = batch.FeaturesOf(link.teacher_layer);
    const std::size_t values = of != nullptr ? of->values.size() : 0;
    if (values != batch.batch * link.teacher.Size()) {
      throw ShapeError(fmt::format(
          "labelled batch {}: {} features of the teacher's layer {}, {} learns from {} rows of {}",
          batch.sequence, values, link.teacher_layer, student.settings.name, batch.batch,
          link.teacher.Size()));
    }
  }
}

void Students::CheckRewards(const LabelledBatch& batch) const {
  const bool wanted = std::any_of(members_.begin(), members_.end(), [](const Member& member) {
    return member.student.settings.rewards.has_value();
  });
  if (!wanted) return;
  if (batch.rows == 2 * batch.batch && batch.actions.size() == batch.batch &&
      batch.rewards.size() == batch.batch && batch.discounts.size() == batch.batch) {
    return;
  }
  throw ShapeError(
      fmt::format("labelled batch {} of learner {}: a student learns from rewards, but of {} "
                  "transitions there are {} rows, {} actions, {} rewards, {} discounts",
                  batch.sequence, batch.learner, batch.batch, batch.rows, batch.actions.size(),
                  batch.rewards.size(), batch.discounts.size()));
}

}  // namespace stillhouse::learner
