#include "tests/simulation/sim_compute.h"

#include <algorithm>
#include <cmath>

#include "common/base/crc32c.h"
#include "common/base/error.h"

namespace stillhouse::simulation {
namespace {

/// A number in [0, 1) that hangs on every byte.
float Fraction(std::span<const std::uint8_t> bytes) {
  return static_cast<float>(Crc32c(bytes) >> 8U) * 0x1.0p-24F;
}

ModelState Fresh(const NetworkSpec& network) {
  ModelState state{network, 0, 0, {}, {}, {}, {}, {}, {}};
  state.parameters.assign(static_cast<std::size_t>(network.ParameterCount()), 0.0F);
  return state;
}

/// One more update, on something that `fraction` stands for.
void Learn(ModelState& state, float fraction) {
  auto& p = state.parameters;
  p[0] += 1.0F;
  for (std::size_t i = 1; i < p.size(); ++i) {
    p[i] = 0.9F * p[i] + 0.1F * (fraction - 0.5F) * static_cast<float>(i % 3);
  }
}

std::vector<float> LabelsOf(std::span<const std::uint8_t> observations, std::size_t rows,
                            std::size_t actions) {
  std::vector<float> labels;
  const std::size_t packed = rows == 0 ? 0 : observations.size() / rows;
  for (std::size_t row = 0; row < rows; ++row) {
    const float first = Fraction(observations.subspan(row * packed, packed));
    for (std::size_t a = 0; a < actions; ++a) {
      labels.push_back(first + 0.25F * static_cast<float>(a));
    }
  }
  return labels;
}

}  // namespace

float TeachersError(std::span<const std::uint8_t> observation, std::int32_t action, float reward) {
  return 0.1F + Fraction(observation) + 0.01F * static_cast<float>(action) +
         0.001F * std::abs(reward);
}

CountingTeacher::CountingTeacher(const NetworkSpec& network, LabelRows rows)
    : rows_(rows), state_(Fresh(network)) {}

learner::TeacherStep CountingTeacher::Update(const replay::Batch& batch) {
  learner::TeacherStep step = Gradient(batch);
  StepAlong(step.gradient);
  step.gradient.clear();
  return step;
}

double CountingTeacher::StepAlong(std::span<const float> gradient) {
  ++updates_;
  Learn(state_, gradient[0]);
  return 1;
}

learner::TeacherStep CountingTeacher::Gradient(const replay::Batch& batch) {
  if (broken_) throw NumericError("the loss is not finite");
  learner::TeacherStep step;
  step.gradient = {Fraction(batch.observations)};
  step.loss = 0.5;
  const std::size_t packed = batch.observations.size() / std::max<std::size_t>(1, batch.Size());
  for (std::size_t row = 0; row < batch.Size(); ++row) {
    step.td_errors.push_back(
        TeachersError(std::span(batch.observations).subspan(row * packed, packed),
                      batch.actions[row], batch.rewards[row]));
  }
  step.labels = Label(batch).labels;
  return step;
}

learner::TeacherStep CountingTeacher::Label(const replay::Batch& batch) {
  const auto actions = static_cast<std::size_t>(state_.network.NumActions());
  learner::TeacherStep step;
  std::vector<float>& labels = step.labels;
  labels = LabelsOf(batch.observations, batch.Size(), actions);
  if (rows_ == LabelRows::kSAndNext) {
    const auto next = LabelsOf(batch.next_observations, batch.Size(), actions);
    labels.insert(labels.end(), next.begin(), next.end());
  }
  return step;
}

learner::TeacherState CountingTeacher::Save() const { return {updates_, 1.0, state_}; }

void CountingTeacher::Load(const learner::TeacherState& state) {
  if (state.model.network != state_.network) throw ShapeError("a teacher of another network");
  updates_ = state.updates;
  state_ = state.model;
}

CountingStudents::CountingStudents(const std::vector<NetworkSpec>& networks) {
  for (const auto& network : networks) states_.push_back(Fresh(network));
}

std::vector<learner::StudentStep> CountingStudents::Update(const LabelledBatch& batch,
                                                           const learner::StudentTurn& turn) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(batch.labels.data());
  const float fraction = Fraction({bytes, batch.labels.size() * sizeof(float)});
  std::vector<learner::StudentStep> steps;
  for (std::size_t k = 0; k < states_.size(); ++k) {
    const bool skipped = turn.skip.at(k) != 0;
    if (!skipped) Learn(states_[k], fraction);
    steps.push_back({0.25, 0.5, skipped});
  }
  return steps;
}

}  // namespace stillhouse::simulation
