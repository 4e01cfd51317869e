#include "learner/distill/students.h"

#include <cmath>
#include <utility>

#include "common/base/error.h"
#include "learner/distill/output_losses.h"
#include "learner/td/greedy.h"

namespace stillhouse::learner {

double Agreement(std::span<const float> student, std::span<const float> teacher,
                 std::span<const std::int32_t> canonical) {
  const std::size_t actions = canonical.size();
  const std::size_t rows = student.size() / actions;
  if (rows == 0) return 0;
  std::size_t same = 0;
  for (std::size_t at = 0; at < rows * actions; at += actions) {
    const auto of = [&](std::span<const float> values) {
      return canonical[GreedyAction(values.subspan(at, actions))];
    };
    if (of(student) == of(teacher)) ++same;
  }
  return static_cast<double>(same) / static_cast<double>(rows);
}

Students::Students(std::vector<HostedStudent> students, std::vector<std::int32_t> canonical)
    : students_(std::move(students)), canonical_(std::move(canonical)) {}

void Students::CheckBatch(const LabelledBatch& batch) const {
  const std::size_t row_bytes =
      students_.empty()
          ? 0
          : static_cast<std::size_t>(students_[0].model->Spec().Observation().PackedBytes());
  if (batch.batch == 0 || (batch.rows != batch.batch && batch.rows != 2 * batch.batch) ||
      batch.num_actions != canonical_.size() || batch.weights.size() != batch.batch ||
      batch.labels.size() != std::size_t{batch.rows} * batch.num_actions ||
      batch.observations.size() != batch.rows * row_bytes) {
    throw ShapeError(fmt::format(
        "labelled batch {} of learner {}: batch {}, rows {}, {} actions (expected {}), {} weights, "
        "{} labels, {} bytes of observations in rows of {}",
        batch.sequence, batch.learner, batch.batch, batch.rows, batch.num_actions,
        canonical_.size(), batch.weights.size(), batch.labels.size(), batch.observations.size(),
        row_bytes));
  }
}

std::vector<StudentStep> Students::Update(const LabelledBatch& batch) {
  std::vector<StudentStep> steps;
  if (students_.empty()) return steps;
  CheckBatch(batch);
  row_weights_ = batch.weights;
  if (batch.rows > batch.batch) {
    row_weights_.insert(row_weights_.end(), batch.weights.begin(), batch.weights.end());
  }
  for (HostedStudent& student : students_) steps.push_back(UpdateOne(student, batch));
  return steps;
}

StudentStep Students::UpdateOne(HostedStudent& student, const LabelledBatch& batch) {
  const std::size_t rows = student.settings.rows == LabelRows::kS ? batch.batch : batch.rows;
  const std::size_t row_bytes = batch.observations.size() / batch.rows;
  const PackedRows packed = PackedRows(batch.observations).first(rows * row_bytes);
  const auto labels = std::span<const float>(batch.labels).first(rows * batch.num_actions);
  const auto q = student.model->Forward({&packed, 1});
  OutputRows<float> outputs{batch.num_actions, q, labels};
  if (student.settings.loss.weighted) {
    outputs.weights = std::span<const float>(row_weights_).first(rows);
  }
  const auto loss = ComputeOutputLoss(TermsAt(student.settings.loss, student.updates), outputs);
  if (!std::isfinite(loss.loss)) {
    throw NumericError(fmt::format("student {}: the loss on batch {} is {}", student.settings.name,
                                   batch.sequence, loss.loss));
  }
  const StudentStep step{static_cast<double>(loss.loss), Agreement(q, labels, canonical_)};
  student.model->Step(loss.gradient);
  ++student.updates;
  return step;
}

std::vector<float> Students::Parameters(std::size_t student) const {
  SH_CHECK(student < students_.size(), "student {} of {}", student, students_.size());
  return students_[student].model->Parameters();
}

ModelState Students::Save(std::size_t student) const {
  SH_CHECK(student < students_.size(), "student {} of {}", student, students_.size());
  ModelState state = students_[student].model->Save();
  ExpectFinite(state, "student " + students_[student].settings.name);
  return state;
}

void Students::Load(std::size_t student, const ModelState& state) {
  SH_CHECK(student < students_.size(), "student {} of {}", student, students_.size());
  students_[student].model->Load(state);
  students_[student].updates = state.optimizer_steps;
}

}  // namespace stillhouse::learner
