// Which part of a student's loss asks for what.
#include <utility>

#include "common/base/context.h"
#include "learner/distill/output_losses.h"
#include "learner/distill/students.h"

namespace stillhouse::learner {
namespace {

/// The part of the loss that is about what a source says, and that about the truth.
std::pair<DistillLossSettings, DistillLossSettings> Split(const DistillLossSettings& loss) {
  DistillLossSettings source = loss, truth = loss;
  if (loss.label != LabelBy::kTruth) {
    truth.soft_weight = truth.hard_weight = 0;
    return {source, truth};
  }
  source.hard_weight = 0;
  if (loss.kind == LossKind::kNll) {
    source.soft_weight = 0;
  } else {
    truth.soft_weight = 0;
  }
  return {source, truth};
}

bool Something(const DistillLossSettings& loss, std::uint64_t update) {
  return loss.soft_weight.At(update) > 0 || loss.hard_weight.At(update) > 0;
}

}  // namespace

RewardLoss Students::RewardPart(const Member& member, const LabelledBatch& batch,
                                std::span<const float> q) const {
  const HostedStudent& student = member.student;
  const std::span<const std::uint8_t> legal = member.legal;
  const std::size_t next = legal.empty() ? 0 : std::size_t{batch.batch} * batch.num_actions;
  std::vector<float> weights = batch.weights;
  if (student.rewards_where) {
    const auto contexts = ContextsOf(student.model->Spec().Observation(), batch.observations);
    for (std::size_t row = 0; row < weights.size(); ++row) {
      if (contexts[row] != *student.rewards_where) weights[row] = 0;
    }
  }
  return ComputeRewardLoss(*student.settings.rewards, batch, weights, q, member.q_target_next,
                           legal.subspan(next));
}

double Students::AgreementOf(const Member& member, std::span<const float> own,
                             std::span<const float> labels) const {
  const std::size_t actions = canonical_.size();
  if (member.parts.Empty()) return Agreement(own, labels, canonical_, member.legal);
  const std::span<const float> labelled(member.parts.labelled);
  const std::span<const std::uint8_t> legal(member.legal);
  return Agreement(RowsWith(own, labelled, actions), RowsWith(labels, labelled, actions),
                   canonical_, RowsWith(legal, labelled, actions));
}

std::vector<PartGradient> Students::PartsOf(Member& member, const LabelledBatch& batch,
                                            std::span<const float> own,
                                            std::span<const float> labels, double lambda,
                                            std::span<const float> rewards) const {
  const HostedStudent& student = member.student;
  std::vector<PartGradient> parts;
  if (!rewards.empty()) parts.push_back({"rewards", student.model->Gradient(rewards)});
  const auto [of_source, of_truth] = Split(student.settings.loss);
  const auto add = [&](const std::string& name, const DistillLossSettings& loss,
                       std::span<const float> said, double weight,
                       std::span<const float> rows = {}) {
    if (weight == 0 || !Something(loss, student.updates)) return;
    std::vector<float> gradient;
    AddLabelLoss(member, loss, batch, own, said.first(own.size()), weight, rows, gradient);
    parts.push_back({name, student.model->Gradient(gradient)});
  };
  for (std::size_t k = 0; k < student.links.size(); ++k) {
    const LabelLink& link = student.links[k];
    const std::string name =
        link.student ? members_[*link.student].student.settings.name : std::string("teacher");
    const std::span<const float> said = SourceOf(member, link, batch);
    if (member.parts.Empty()) {
      add(name, of_source, said, lambda * link.weight);
    } else {
      add(name, of_source, said, lambda, member.parts.of_link[k]);
    }
  }
  add("truth", of_truth, batch.labels, lambda);
  const double told = lambda * student.settings.loss.adversarial_weight.At(student.updates);
  if (student.adversary && told > 0) {
    const auto legal = LegalRows(member, own.size());
    const auto part = student.adversary->Evaluate(WithoutIllegal(own, legal),
                                                  WithoutIllegal(labels, legal), told);
    parts.push_back({"adversary", student.model->Gradient(part.gradient)});
  }
  const double weight = student.features ? student.features->WeightAt(student.updates) : 0;
  if (weight == 0) return parts;
  const FeatureLink& link = student.features->Link();
  const auto result = student.features->Evaluate(
      member.tapped->Tapped(link.student_layer).first(batch.batch * link.student.Size()),
      batch.FeaturesOf(link.teacher_layer)->values,
      student.settings.loss.weighted ? std::span(batch.weights) : std::span<const float>{}, weight);
  const std::vector<float> none(own.size(), 0.0F);
  const TapGradient tap{link.student_layer, result.gradient};
  parts.push_back({"features", member.tapped->Gradient(none, {&tap, 1})});
  return parts;
}

}  // namespace stillhouse::learner
