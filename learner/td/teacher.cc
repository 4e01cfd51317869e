#include "learner/td/teacher.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "common/base/error.h"
#include "learner/td/td_losses.h"
#include "learner/td/td_targets.h"

namespace stillhouse::learner {
namespace {

constexpr std::int64_t kMostUpdatesAMove = 10;

}  // namespace

Teacher::Teacher(const TeacherSettings& settings, std::unique_ptr<TrainedModel> model,
                 LabelRows label_rows, bool want_labels)
    : settings_(settings),
      model_(std::move(model)),
      label_rows_(label_rows),
      want_labels_(want_labels),
      average_every_(std::clamp<std::int64_t>(settings.average / 100, 1, kMostUpdatesAMove)) {
  model_->UpdateTarget();
}

void Teacher::CheckBatch(const replay::Batch& batch) const {
  const auto rows = batch.actions.size();
  const auto bytes = rows * static_cast<std::size_t>(model_->Spec().Observation().PackedBytes());
  if (batch.rewards.size() != rows || batch.discounts.size() != rows ||
      batch.weights.size() != rows || batch.observations.size() != bytes ||
      batch.next_observations.size() != bytes || rows == 0) {
    throw ShapeError(fmt::format(
        "teacher: batch {} has {} actions, {} rewards, {} discounts, {} weights, {} and {} bytes "
        "of observations; {} expected",
        batch.id, rows, batch.rewards.size(), batch.discounts.size(), batch.weights.size(),
        batch.observations.size(), batch.next_observations.size(), bytes));
  }
}

TeacherStep Teacher::Update(const replay::Batch& batch) {
  CheckBatch(batch);
  const std::size_t rows = batch.actions.size();
  const auto actions = static_cast<std::size_t>(model_->Spec().NumActions());
  const std::size_t values = rows * actions;
  const std::array<PackedRows, 2> parts = {batch.observations, batch.next_observations};
  const bool label_next = want_labels_ && label_rows_ == LabelRows::kSAndNext;
  const bool both = settings_.algorithm.double_q || label_next;

  const auto q_target = model_->ForwardTarget({&parts[1], 1});
  const std::vector<float> q_target_next(q_target.begin(), q_target.end());
  const auto q = model_->Forward({parts.data(), both ? 2U : 1U});
  const TdRows<float> td{actions, batch.rewards, batch.discounts, q_target_next,
                         both ? q.subspan(values) : std::span<const float>{}};
  const auto targets = settings_.algorithm.double_q ? DoubleTargets(td) : OneStepTargets(td);
  auto loss = ComputeTdLoss<float>(actions, q.first(values), batch.actions, targets, batch.weights,
                                   settings_.algorithm.loss,
                                   static_cast<float>(settings_.algorithm.huber_delta));
  if (!std::isfinite(loss.loss)) {
    throw NumericError(
        fmt::format("teacher: the loss of update {} is {}", updates_ + 1, loss.loss));
  }
  TeacherStep step;
  step.loss = static_cast<double>(loss.loss);
  for (std::size_t b = 0; b < rows; ++b) {
    step.q_mean += static_cast<double>(q[b * actions + static_cast<std::size_t>(batch.actions[b])]);
  }
  step.q_mean /= static_cast<double>(rows);
  step.td_errors = std::move(loss.td_errors);
  if (want_labels_) {
    const auto labelled = q.first(label_next ? 2 * values : values);
    step.labels.assign(labelled.begin(), labelled.end());
  }
  step.grad_norm = model_->Step(loss.q_gradient);
  ++updates_;
  if (updates_ % settings_.target_update == 0) model_->UpdateTarget();
  if (updates_ % average_every_ == 0) MoveAverage();
  return step;
}

std::vector<float> Teacher::Label(const replay::Batch& batch) {
  CheckBatch(batch);
  const std::array<PackedRows, 2> parts = {batch.observations, batch.next_observations};
  const auto q = model_->Forward({parts.data(), label_rows_ == LabelRows::kSAndNext ? 2U : 1U});
  return {q.begin(), q.end()};
}

void Teacher::MoveAverage() {
  const double decay = std::pow(1 - 1 / std::max(1.0, static_cast<double>(settings_.average)),
                                static_cast<double>(average_every_));
  model_->MoveAverage(1 - decay);
  average_missing_ *= decay;
}

TeacherState Teacher::Save() const {
  TeacherState state{updates_, average_missing_, model_->Save()};
  ExpectFinite(state.model, "teacher");
  return state;
}

void Teacher::Load(const TeacherState& state) {
  model_->Load(state.model);
  updates_ = state.updates;
  average_missing_ = state.average_missing;
}

void Teacher::Freeze(FinalTeacher final) {
  if (final == FinalTeacher::kLast || average_missing_ >= 1) return;
  auto average = model_->Average();
  const auto correction = static_cast<float>(1 / (1 - average_missing_));
  for (float& value : average) value *= correction;
  model_->SetParameters(average);
}

}  // namespace stillhouse::learner
