#include "learner/distill/students.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/action_mask.h"
#include "common/base/context.h"
#include "common/base/error.h"
#include "learner/distill/label_mix.h"
#include "learner/distill/omit.h"
#include "learner/distill/output_losses.h"
#include "learner/distill/shuffle.h"

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
                 std::span<const std::int32_t> canonical, std::span<const std::uint8_t> legal) {
  const std::size_t actions = canonical.size();
  const std::size_t rows = student.size() / actions;
  if (rows == 0) return 0;
  std::size_t same = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    const auto of = [&](std::span<const float> values) {
      return canonical[GreedyAction(values.subspan(row * actions, actions),
                                    LegalOf(legal, row, actions))];
    };
    if (of(student) == of(teacher)) ++same;
  }
  return static_cast<double>(same) / static_cast<double>(rows);
}

Students::Students(std::vector<HostedStudent> students, std::vector<std::int32_t> canonical,
                   std::unique_ptr<TrainedModel> teacher)
    : teacher_(std::move(teacher)), canonical_(std::move(canonical)) {
  for (HostedStudent& student : students) {
    if (student.settings.rewards) student.model->UpdateTarget();
    if (student.settings.correct_bias) student.correction.emplace(student.settings.omit);
    members_.push_back({std::move(student)});
    Member& member = members_.back();
    member.tapped = dynamic_cast<TappedModel*>(member.student.model.get());
    SH_CHECK(member.tapped != nullptr ||
             (!member.student.features && member.student.shared_parameters == 0));
  }
  for (const Member& member : members_) {
    for (const LabelLink& link : member.student.links) {
      if (link.student) members_.at(*link.student).labels_others = true;
    }
  }
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
  if (member.student.shared_parameters > 0) {
    member.tapped->HoldFirst(std::span(batch.shared).first(member.student.shared_parameters));
  }
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
  std::optional<LabelledBatch> relabelled;
  std::vector<bool> waits;  // before anyone's step
  for (const Member& member : members_) waits.push_back(WaitsForItsRound(member));
  for (std::size_t k = 0; k < members_.size(); ++k) {
    if (members_[k].student.settings.frozen) {
      steps.push_back({.waited = true});
      continue;
    }
    if (k < turn.skip.size() && turn.skip[k] != 0) {
      steps.push_back({.skipped = true});
      continue;
    }
    if (waits[k]) {
      steps.push_back({.waited = true});
      continue;
    }
    const bool anew = k < turn.relabel.size() && turn.relabel[k] != 0;
    if (anew && !relabelled) relabelled = Relabelled(batch);
    const LabelledBatch& labelled = anew ? *relabelled : batch;
    const Moment moment{k < turn.retention.size() ? &turn.retention[k] : nullptr, turn.measure};
    const StudentSettings& settings = members_[k].student.settings;
    if (settings.omit >= 0) {
      steps.push_back(UpdateWithoutClass(members_[k], labelled, moment));
    } else {
      steps.push_back(settings.shuffle_labels
                          ? UpdateOne(members_[k], WithShuffledLabels(labelled), moment)
                          : UpdateOne(members_[k], labelled, moment));
    }
  }
  return steps;
}

bool Students::WaitsForItsRound(const Member& member) const {
  const auto rounds = [](const Member& of) {
    return of.student.updates / static_cast<std::uint64_t>(of.student.settings.rounds);
  };
  if (member.student.settings.rounds == 0) return false;
  const Member* next = nullptr;
  for (const Member& other : members_) {
    if (other.student.settings.rounds == 0) continue;
    if (next == nullptr || rounds(other) < rounds(*next)) next = &other;
  }
  return next != &member;
}

StudentStep Students::UpdateWithoutClass(Member& member, const LabelledBatch& batch,
                                         const Moment& moment) {
  if (member.student.correction) member.student.correction->Remember(batch);
  LabelledBatch kept = WithoutTruth(batch, member.student.settings.omit);
  if (kept.rows == 0) return {};
  if (member.student.settings.shuffle_labels) kept = WithShuffledLabels(std::move(kept));
  return UpdateOne(member, kept, moment);
}

std::span<const float> Students::SourceOf(const Member& member, const LabelLink& link,
                                          const LabelledBatch& batch) const {
  return link.student ? std::span<const float>(members_[*link.student].outputs)
                      : TeachersLabels(batch, member.student.settings.label_source);
}

std::span<const float> Students::LabelsOf(const Member& member, const LabelledBatch& batch,
                                          std::size_t rows, std::vector<float>& mixed) const {
  const StudentSettings& settings = member.student.settings;
  std::vector<LabelShare<float>> shares;
  for (const LabelLink& link : member.student.links) {
    const std::span<const float> q = SourceOf(member, link, batch);
    shares.push_back({q.first(rows * batch.num_actions), link.weight});
  }
  if (shares.empty()) return std::span<const float>(batch.labels).first(rows * batch.num_actions);
  if (shares.size() == 1) return shares[0].q;
  const OutputLossTerms terms = TermsAt(settings.loss, member.student.updates);
  if (!member.parts.Empty()) {
    mixed = MixLabelsByRow(terms.kind, terms.temperature, batch.num_actions, shares, member.parts,
                           LegalRows(member, rows * batch.num_actions));
    return mixed;
  }
  mixed = MixLabels<float>(terms.kind, terms.temperature, batch.num_actions, shares,
                           LegalRows(member, rows * batch.num_actions));
  return mixed;
}

double Students::AddLabelLoss(const Member& member, const DistillLossSettings& settings,
                              const LabelledBatch& batch, std::span<const float> q,
                              std::span<const float> labels, double lambda,
                              std::span<const float> parts, std::vector<float>& gradient) const {
  OutputRows<float> outputs{batch.num_actions, q, labels};
  outputs.legal = LegalRows(member, q.size());
  std::vector<float> weights;
  if (settings.weighted) {
    weights = RowWeights(batch, q.size() / batch.num_actions);
    outputs.weights = weights;
  }
  if (!parts.empty()) {
    weights.resize(q.size() / batch.num_actions, 1.0F);
    for (std::size_t row = 0; row < weights.size(); ++row) weights[row] *= parts[row];
    outputs.weights = weights;
  }
  if (settings.label == LabelBy::kTruth) outputs.labels = batch.truths;
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

StudentStep Students::UpdateOne(Member& member, const LabelledBatch& batch, const Moment& moment) {
  const StudentSettings& settings = member.student.settings;
  const std::span<const float> q =
      member.labels_others ? std::span<const float>(member.outputs) : Forward(member, batch);
  const TensorSpec& observation = member.student.model->Spec().Observation();
  member.legal = LegalActions(observation, batch.observations);
  member.parts = PartsByContext(member.student.links, ContextsOf(observation, batch.observations));
  StudentStep step;
  std::vector<float> gradient;
  double lambda = 1;
  if (settings.rewards) {
    auto td = RewardPart(member, batch, q);
    step.loss = td.loss;
    gradient = std::move(td.gradient);
    lambda = LambdaNow(settings.rewards->lambda, member.student.updates, moment.retention);
  }
  const std::size_t rows = settings.rows == LabelRows::kS ? batch.batch : batch.rows;
  const auto own = q.first(std::min(q.size(), rows * batch.num_actions));
  std::vector<float> mixed;
  const auto labels = LabelsOf(member, batch, own.size() / batch.num_actions, mixed);
  step.agreement = AgreementOf(member, own, labels);
  const std::vector<float> before =
      moment.measure ? member.student.model->Parameters() : std::vector<float>{};
  const auto parts = moment.measure ? PartsOf(member, batch, own, labels, lambda, gradient)
                                    : std::vector<PartGradient>{};
  // A weight of 0 leaves rewards alone, bit for bit.
  const bool labelled = !member.student.links.empty() || settings.loss.label == LabelBy::kTruth;
  if (labelled && lambda > 0) {
    step.loss += AddLabelLoss(member, settings.loss, batch, own, labels, lambda,
                              member.parts.labelled, gradient);
  }
  step.loss += AddAdversary(member, own, labels, lambda, gradient);
  Step(member, batch, gradient, step);
  if (moment.measure) {
    step.changes =
        ChangesOf(member.student.model->Spec(), before, member.student.model->Parameters(), parts);
  }
  ++member.student.updates;
  if (settings.rewards &&
      member.student.updates % static_cast<std::uint64_t>(settings.rewards->target_update) == 0) {
    member.student.model->UpdateTarget();
  }
  return step;
}

double Students::AddAdversary(Member& member, std::span<const float> own,
                              std::span<const float> labels, double lambda,
                              std::vector<float>& gradient) {
  HostedStudent& student = member.student;
  if (!student.adversary) return 0;
  const double weight = lambda * student.settings.loss.adversarial_weight.At(student.updates);
  if (weight == 0) return 0;
  const auto legal = LegalRows(member, own.size());
  const auto part =
      student.adversary->Learn(WithoutIllegal(own, legal), WithoutIllegal(labels, legal), weight);
  gradient.resize(std::max(gradient.size(), own.size()), 0);
  for (std::size_t i = 0; i < own.size(); ++i) gradient[i] += part.gradient[i];
  return part.loss;
}

void Students::Step(Member& member, const LabelledBatch& batch, std::span<const float> gradient,
                    StudentStep& step) {
  HostedStudent& student = member.student;
  const auto expect_finite = [&] {
    if (std::isfinite(step.loss)) return;
    throw NumericError(fmt::format("student {}: the loss on batch {} is {}", student.settings.name,
                                   batch.sequence, step.loss));
  };
  expect_finite();
  const double weight = student.features ? student.features->WeightAt(student.updates) : 0;
  // A weight of 0 is the outputs' loss alone, bit for bit.
  if (weight == 0) {
    student.model->Step(gradient);
    return;
  }
  const FeatureLink& link = student.features->Link();
  const auto own =
      member.tapped->Tapped(link.student_layer).first(batch.batch * link.student.Size());
  const auto& wanted = batch.FeaturesOf(link.teacher_layer)->values;
  const std::span<const float> weights =
      student.settings.loss.weighted ? std::span(batch.weights) : std::span<const float>{};
  const auto result = student.features->Learn(own, wanted, weights, weight);
  step.loss += result.loss;
  expect_finite();
  const TapGradient tap{link.student_layer, result.gradient};
  member.tapped->Step(gradient, {&tap, 1});
}

LabelledBatch Students::Relabelled(const LabelledBatch& batch) {
  SH_CHECK(teacher_ != nullptr, "batch {} is to be labelled by a teacher that is not here",
           batch.sequence);
  LabelledBatch made = batch;
  const PackedRows packed(made.observations);
  const auto q = teacher_->Forward({&packed, 1});
  made.labels.assign(q.begin(), q.end());
  made.others.clear();
  return made;
}

void Students::UseTeacher(std::span<const float> parameters) {
  SH_CHECK(teacher_ != nullptr, "parameters of a teacher that no student needs");
  teacher_->SetParameters(parameters);
}

std::vector<float> Students::Parameters(std::size_t student) const {
  SH_CHECK(student < members_.size(), "student {} of {}", student, members_.size());
  const HostedStudent& hosted = members_[student].student;
  return hosted.correction ? hosted.correction->Apply(*hosted.model) : hosted.model->Parameters();
}

StudentMemory Students::Save(std::size_t student) const {
  SH_CHECK(student < members_.size(), "student {} of {}", student, members_.size());
  const HostedStudent& hosted = members_[student].student;
  StudentMemory memory{hosted.model->Save()};
  ExpectFinite(memory.model, "student " + hosted.settings.name);
  if (hosted.features) memory.beside = hosted.features->Save();
  if (hosted.adversary) memory.adversary = hosted.adversary->Save();
  return memory;
}

void Students::Load(std::size_t student, const StudentMemory& memory) {
  SH_CHECK(student < members_.size(), "student {} of {}", student, members_.size());
  HostedStudent& hosted = members_[student].student;
  hosted.model->Load(memory.model);
  if (hosted.features) hosted.features->Load(memory.beside);
  if (hosted.adversary) hosted.adversary->Load(memory.adversary);
  hosted.updates = memory.model.optimizer_steps;
  if (hosted.settings.rewards && memory.model.target.empty()) hosted.model->UpdateTarget();
}

}  // namespace stillhouse::learner
