#include "learner/td/teacher.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "common/base/action_mask.h"
#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "learner/td/cross_entropy.h"
#include "learner/td/td_targets.h"

namespace stillhouse::learner {
namespace {

constexpr std::int64_t kMostUpdatesAMove = 10;
/// Updates between checks that all learners have the same parameters.
constexpr std::int64_t kCheckEvery = 100;

}  // namespace

Teacher::Teacher(const TeacherSettings& settings, std::unique_ptr<TrainedModel> model,
                 LabelRows label_rows, bool want_labels, std::vector<LabelChoice> others,
                 TeacherGives gives)
    : settings_(settings),
      model_(std::move(model)),
      label_rows_(label_rows),
      want_labels_(want_labels),
      others_(std::move(others)),
      gives_(std::move(gives)),
      tapped_(dynamic_cast<const TappedModel*>(model_.get())),
      average_every_(std::clamp<std::int64_t>(settings.average / 100, 1, kMostUpdatesAMove)) {
  SH_CHECK(gives_.layers.empty() || tapped_ != nullptr, "features of a model that keeps none");
  if (Makes(LabelChoice::kAverage)) average_.emplace(model_->Spec());
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

Teacher::BatchLoss Teacher::LossOf(const replay::Batch& batch) {
  CheckBatch(batch);
  const bool supervised = settings_.algorithm.kind == AlgorithmSettings::Kind::kSupervised;
  auto others = MakeOthers(batch);  // by what was known before this batch
  BatchLoss loss = supervised ? LabelsLoss(batch) : RewardsLoss(batch);
  loss.step.extras.others = std::move(others);
  return loss;
}

TeacherStep Teacher::Update(const replay::Batch& batch) {
  BatchLoss loss = LossOf(batch);
  loss.step.grad_norm = model_->Step(loss.q_gradient);
  AfterStep();
  return std::move(loss.step);
}

TeacherStep Teacher::Gradient(const replay::Batch& batch) {
  BatchLoss loss = LossOf(batch);
  loss.step.gradient = model_->Gradient(loss.q_gradient);
  if (updates_ % kCheckEvery == 0) {
    const auto parameters = model_->Parameters();
    loss.step.check = Crc32c({reinterpret_cast<const std::uint8_t*>(parameters.data()),
                              parameters.size() * sizeof(float)});
  }
  return std::move(loss.step);
}

double Teacher::StepAlong(std::span<const float> gradient) {
  const double norm = model_->StepAlong(gradient);
  AfterStep();
  return norm;
}

void Teacher::AfterStep() {
  ++updates_;
  if (updates_ % settings_.target_update == 0) model_->UpdateTarget();
  if (updates_ % average_every_ == 0) MoveAverage();
}

Teacher::BatchLoss Teacher::LabelsLoss(const replay::Batch& batch) {
  const auto actions = static_cast<std::size_t>(model_->Spec().NumActions());
  const PackedRows rows = batch.observations;
  const auto q = model_->Forward({&rows, 1});
  return Describe(batch, q, q.size(),
                  ComputeCrossEntropy<float>(actions, q, batch.actions, batch.weights));
}

Teacher::BatchLoss Teacher::RewardsLoss(const replay::Batch& batch) {
  const std::size_t rows = batch.actions.size();
  const auto actions = static_cast<std::size_t>(model_->Spec().NumActions());
  const std::size_t values = rows * actions;
  const std::array<PackedRows, 2> parts = {batch.observations, batch.next_observations};
  const bool label_next = want_labels_ && label_rows_ == LabelRows::kSAndNext;
  const bool both = settings_.algorithm.double_q || label_next;

  const auto q_target = model_->ForwardTarget({&parts[1], 1});
  const std::vector<float> q_target_next(q_target.begin(), q_target.end());
  const auto q = model_->Forward({parts.data(), both ? 2U : 1U});
  const auto legal = LegalActions(model_->Spec().Observation(), batch.next_observations);
  const TdRows<float> td{actions,
                         batch.rewards,
                         batch.discounts,
                         q_target_next,
                         both ? q.subspan(values) : std::span<const float>{},
                         legal};
  const auto targets = settings_.algorithm.double_q ? DoubleTargets(td) : OneStepTargets(td);
  return Describe(batch, q, label_next ? 2 * values : values,
                  ComputeTdLoss<float>(actions, q.first(values), batch.actions, targets,
                                       batch.weights, settings_.algorithm.loss,
                                       static_cast<float>(settings_.algorithm.huber_delta)));
}

Teacher::BatchLoss Teacher::Describe(const replay::Batch& batch, std::span<const float> q,
                                     std::size_t labelled, TdLoss<float> loss) const {
  const std::size_t rows = batch.actions.size();
  const auto actions = static_cast<std::size_t>(model_->Spec().NumActions());
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
    step.labels.assign(q.begin(), q.begin() + static_cast<std::ptrdiff_t>(labelled));
    GiveMore(rows, step.extras);
  }
  return {std::move(step), std::move(loss.q_gradient)};
}

TeacherStep Teacher::Label(const replay::Batch& batch) {
  CheckBatch(batch);
  const std::array<PackedRows, 2> parts = {batch.observations, batch.next_observations};
  const auto q = model_->Forward({parts.data(), label_rows_ == LabelRows::kSAndNext ? 2U : 1U});
  TeacherStep step;
  step.labels.assign(q.begin(), q.end());
  GiveMore(batch.actions.size(), step.extras);
  return step;
}

void Teacher::GiveMore(std::size_t rows, LabelExtras& extras) const {
  for (const std::size_t layer : gives_.layers) {
    std::size_t size = 1;
    for (const auto side : model_->Spec().Shapes()[layer]) size *= static_cast<std::size_t>(side);
    const auto made = tapped_->Tapped(layer).first(rows * size);
    extras.features.push_back({static_cast<std::uint16_t>(layer), {made.begin(), made.end()}});
  }
  if (gives_.parameters == 0) return;
  extras.shared = model_->Parameters();
  extras.shared.resize(gives_.parameters);
}

bool Teacher::Makes(LabelChoice choice) const {
  return want_labels_ && std::find(others_.begin(), others_.end(), choice) != others_.end();
}

std::vector<OtherLabels> Teacher::MakeOthers(const replay::Batch& batch) {
  std::vector<OtherLabels> others;
  if (Makes(LabelChoice::kLagged)) others.push_back(LaggedLabels(batch));
  if (Makes(LabelChoice::kAverage)) others.push_back(AverageLabels(batch));
  if (best_) others.push_back({LabelChoice::kBest, best_updates_, LabelsBy(*best_, batch)});
  return others;
}

OtherLabels Teacher::LaggedLabels(const replay::Batch& batch) {
  OtherLabels labels{LabelChoice::kLagged, 0, {}};
  labels.teacher_updates =
      static_cast<std::uint64_t>(updates_ / settings_.target_update * settings_.target_update);
  const std::array<PackedRows, 2> parts = {batch.observations, batch.next_observations};
  const auto q =
      model_->ForwardTarget({parts.data(), label_rows_ == LabelRows::kSAndNext ? 2U : 1U});
  labels.labels.assign(q.begin(), q.end());
  return labels;
}

OtherLabels Teacher::AverageLabels(const replay::Batch& batch) {
  if (average_stale_) average_->SetParameters(CorrectedAverage());
  average_stale_ = average_missing_ >= 1;  // until it moves it is the parameters of each moment
  OtherLabels labels{LabelChoice::kAverage, 0, {}};
  labels.teacher_updates = static_cast<std::uint64_t>(updates_ / average_every_ * average_every_);
  labels.labels = LabelsBy(*average_, batch);
  return labels;
}

std::vector<float> Teacher::LabelsBy(NativeNetwork& network, const replay::Batch& batch) const {
  const bool next = label_rows_ == LabelRows::kSAndNext;
  const auto rows = static_cast<std::int64_t>(batch.actions.size());
  const auto values = static_cast<std::size_t>(rows * model_->Spec().NumActions());
  std::vector<float> labels(next ? 2 * values : values);
  const auto out = std::span(labels);
  network.Forward(batch.observations, rows, out.first(values));
  if (next) network.Forward(batch.next_observations, rows, out.subspan(values));
  return labels;
}

void Teacher::KeepBest(std::vector<float> parameters, std::uint64_t updates) {
  best_parameters_ = std::move(parameters);
  best_updates_ = updates;
  if (!Makes(LabelChoice::kBest)) return;
  if (!best_) best_.emplace(model_->Spec());
  best_->SetParameters(best_parameters_);
}

void Teacher::MoveAverage() {
  const double decay = std::pow(1 - 1 / std::max(1.0, static_cast<double>(settings_.average)),
                                static_cast<double>(average_every_));
  model_->MoveAverage(1 - decay);
  average_missing_ *= decay;
  average_stale_ = true;
}

TeacherState Teacher::Save() const {
  TeacherState state{updates_, average_missing_, model_->Save(), best_updates_, best_parameters_};
  ExpectFinite(state.model, "teacher");
  return state;
}

void Teacher::Load(const TeacherState& state) {
  model_->Load(state.model);
  updates_ = state.updates;
  average_missing_ = state.average_missing;
  average_stale_ = true;
  if (state.best.empty()) return;
  const auto expected = static_cast<std::size_t>(model_->Spec().ParameterCount());
  if (state.best.size() != expected) {
    throw ShapeError(fmt::format("teacher: {} best parameters in the state, the network has {}",
                                 state.best.size(), expected));
  }
  KeepBest(state.best, state.best_updates);
}

std::vector<float> Teacher::CorrectedAverage() const {
  if (average_missing_ >= 1) return model_->Parameters();
  auto average = model_->Average();
  const auto correction = static_cast<float>(1 / (1 - average_missing_));
  for (float& value : average) value *= correction;
  return average;
}

void Teacher::Freeze(FinalTeacher final) {
  if (final == FinalTeacher::kBest) {
    if (!best_parameters_.empty()) model_->SetParameters(best_parameters_);
    return;
  }
  if (final == FinalTeacher::kLast || average_missing_ >= 1) return;
  model_->SetParameters(CorrectedAverage());
}

}  // namespace stillhouse::learner
