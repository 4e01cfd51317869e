#include "learner/distill/students.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/error.h"
#include "learner/distill/label_mix.h"
#include "learner/distill/omit.h"
#include "learner/distill/output_losses.h"
#include "learner/distill/reward_learning.h"
#include "learner/td/greedy.h"

namespace stillhouse::learner {
namespace {

/// The teacher's labels that were asked for; the frozen teacher has one kind only.
std::span<const float> TeachersLabels(const LabelledBatch& batch, LabelChoice choice) {
  const OtherLabels* const other = batch.Others(choice);
  return other != nullptr ? other->labels : batch.labels;
}

/// [rows]: the batch's weights, for s and again for s'.
std::vector<float> RowWeights(const LabelledBatch& batch, std::size_t rows) {
  std::vector<float> weights = batch.weights;
  if (rows > batch.batch) {
    weights.insert(weights.end(), batch.weights.begin(), batch.weights.end());
  }
  return weights;
}

}  // namespace

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
    : canonical_(std::move(canonical)) {
  for (HostedStudent& student : students) {
    if (student.settings.rewards) student.model->UpdateTarget();
    if (student.settings.correct_bias) student.correction.emplace(student.settings.omit);
    members_.push_back({std::move(student)});
  }
  for (const Member& member : members_) {
    for (const LabelLink& link : member.student.links) {
      if (link.student) members_.at(*link.student).labels_others = true;
    }
  }
}

void Students::CheckBatch(const LabelledBatch& batch) const {
  const std::size_t row_bytes =
      members_.empty()
          ? 0
          : static_cast<std::size_t>(members_[0].student.model->Spec().Observation().PackedBytes());
  const std::size_t values = std::size_t{batch.rows} * batch.num_actions;
  const bool others_fit =
      std::all_of(batch.others.begin(), batch.others.end(),
                  [&](const OtherLabels& other) { return other.labels.size() == values; });
  if (batch.batch == 0 || (batch.rows != batch.batch && batch.rows != 2 * batch.batch) ||
      batch.num_actions != canonical_.size() || batch.weights.size() != batch.batch ||
      batch.labels.size() != values || !others_fit ||
      (!batch.truths.empty() && batch.truths.size() != batch.batch) ||
      batch.observations.size() != batch.rows * row_bytes) {
    throw ShapeError(fmt::format(
        "labelled batch {} of learner {}: batch {}, rows {}, {} actions (expected {}), {} weights, "
        "{} labels, {} bytes of observations in rows of {}",
        batch.sequence, batch.learner, batch.batch, batch.rows, batch.num_actions,
        canonical_.size(), batch.weights.size(), batch.labels.size(), batch.observations.size(),
        row_bytes));
  }
  CheckRewards(batch);
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

std::size_t Students::ForwardRows(const Member& member, const LabelledBatch& batch) const {
  const StudentSettings& settings = member.student.settings;
  const bool next = member.labels_others || settings.rows == LabelRows::kSAndNext ||
                    (settings.rewards && settings.rewards->double_q);
  return next ? batch.rows : batch.batch;
}

// The target network's pass comes first: it forgets what the other keeps for the step.
std::span<const float> Students::Forward(Member& member, const LabelledBatch& batch) const {
  const std::size_t row_bytes = batch.observations.size() / batch.rows;
  TrainedModel& model = *member.student.model;
  if (member.student.settings.rewards) {
    member.q_target_next = TargetOfNext(model, batch, row_bytes);
  }
  const PackedRows packed =
      PackedRows(batch.observations).first(ForwardRows(member, batch) * row_bytes);
  return model.Forward({&packed, 1});
}

std::vector<StudentStep> Students::Update(const LabelledBatch& batch, const StudentTurn& turn) {
  std::vector<StudentStep> steps;
  if (members_.empty()) return steps;
  CheckBatch(batch);
  for (Member& member : members_) {
    if (!member.labels_others) continue;
    const auto q = Forward(member, batch);
    member.outputs.assign(q.begin(), q.end());
  }
  for (std::size_t k = 0; k < members_.size(); ++k) {
    if (k < turn.skip.size() && turn.skip[k] != 0) {
      steps.push_back({0, 0, true});
      continue;
    }
    const float* retention = k < turn.retention.size() ? &turn.retention[k] : nullptr;
    const bool all = members_[k].student.settings.omit < 0;
    steps.push_back(all ? UpdateOne(members_[k], batch, retention)
                        : UpdateWithoutClass(members_[k], batch, retention));
  }
  return steps;
}

StudentStep Students::UpdateWithoutClass(Member& member, const LabelledBatch& batch,
                                         const float* retention) {
  if (member.student.correction) member.student.correction->Remember(batch);
  const LabelledBatch kept = WithoutTruth(batch, member.student.settings.omit);
  return kept.rows > 0 ? UpdateOne(member, kept, retention) : StudentStep{};
}

std::span<const float> Students::LabelsOf(const Member& member, const LabelledBatch& batch,
                                          std::size_t rows, std::vector<float>& mixed) const {
  const StudentSettings& settings = member.student.settings;
  std::vector<LabelShare<float>> shares;
  for (const LabelLink& link : member.student.links) {
    const std::span<const float> q = link.student
                                         ? std::span<const float>(members_[*link.student].outputs)
                                         : TeachersLabels(batch, settings.label_source);
    shares.push_back({q.first(rows * batch.num_actions), link.weight});
  }
  if (shares.empty()) return std::span<const float>(batch.labels).first(rows * batch.num_actions);
  if (shares.size() == 1) return shares[0].q;
  const OutputLossTerms terms = TermsAt(settings.loss, member.student.updates);
  mixed = MixLabels<float>(terms.kind, terms.temperature, batch.num_actions, shares);
  return mixed;
}

double Students::AddLabelLoss(const Member& member, const LabelledBatch& batch,
                              std::span<const float> q, std::span<const float> labels,
                              double lambda, std::vector<float>& gradient) const {
  const DistillLossSettings& settings = member.student.settings.loss;
  OutputRows<float> outputs{batch.num_actions, q, labels};
  std::vector<float> weights;
  if (settings.weighted) {
    weights = RowWeights(batch, q.size() / batch.num_actions);
    outputs.weights = weights;
  }
  auto loss = ComputeOutputLoss(TermsAt(settings, member.student.updates), outputs);
  if (gradient.empty() && lambda == 1) {
    gradient = std::move(loss.gradient);
    return static_cast<double>(loss.loss);
  }
  gradient.resize(std::max(gradient.size(), loss.gradient.size()), 0);
  const auto scale = static_cast<float>(lambda);
  for (std::size_t i = 0; i < loss.gradient.size(); ++i) gradient[i] += scale * loss.gradient[i];
  return lambda * static_cast<double>(loss.loss);
}

StudentStep Students::UpdateOne(Member& member, const LabelledBatch& batch,
                                const float* retention) {
  const StudentSettings& settings = member.student.settings;
  const std::span<const float> q =
      member.labels_others ? std::span<const float>(member.outputs) : Forward(member, batch);
  StudentStep step;
  std::vector<float> gradient;
  double lambda = 1;
  if (settings.rewards) {
    auto td = ComputeRewardLoss(*settings.rewards, batch, q, member.q_target_next);
    step.loss = td.loss;
    gradient = std::move(td.gradient);
    lambda = LambdaNow(settings.rewards->lambda, member.student.updates, retention);
  }
  const std::size_t rows = settings.rows == LabelRows::kS ? batch.batch : batch.rows;
  const auto own = q.first(std::min(q.size(), rows * batch.num_actions));
  std::vector<float> mixed;
  const auto labels = LabelsOf(member, batch, own.size() / batch.num_actions, mixed);
  step.agreement = Agreement(own, labels, canonical_);
  // A weight of 0 leaves rewards alone, bit for bit.
  if (!member.student.links.empty() && lambda > 0) {
    step.loss += AddLabelLoss(member, batch, own, labels, lambda, gradient);
  }
  if (!std::isfinite(step.loss)) {
    throw NumericError(fmt::format("student {}: the loss on batch {} is {}", settings.name,
                                   batch.sequence, step.loss));
  }
  member.student.model->Step(gradient);
  ++member.student.updates;
  if (settings.rewards &&
      member.student.updates % static_cast<std::uint64_t>(settings.rewards->target_update) == 0) {
    member.student.model->UpdateTarget();
  }
  return step;
}

std::vector<float> Students::Parameters(std::size_t student) const {
  SH_CHECK(student < members_.size(), "student {} of {}", student, members_.size());
  const HostedStudent& hosted = members_[student].student;
  return hosted.correction ? hosted.correction->Apply(*hosted.model) : hosted.model->Parameters();
}

ModelState Students::Save(std::size_t student) const {
  SH_CHECK(student < members_.size(), "student {} of {}", student, members_.size());
  ModelState state = members_[student].student.model->Save();
  ExpectFinite(state, "student " + members_[student].student.settings.name);
  return state;
}

void Students::Load(std::size_t student, const ModelState& state) {
  SH_CHECK(student < members_.size(), "student {} of {}", student, members_.size());
  Member& member = members_[student];
  member.student.model->Load(state);
  member.student.updates = state.optimizer_steps;
  if (member.student.settings.rewards && state.target.empty()) member.student.model->UpdateTarget();
}

}  // namespace stillhouse::learner
