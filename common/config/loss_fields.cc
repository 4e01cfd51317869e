// Keys of a student's `loss:`.
#include "common/config/config_fields.h"
#include "common/config/schedule_field.h"

namespace stillhouse {
namespace {

constexpr const char* kTemperedKinds = "kind: kl, kl_reverse, js, cross_entropy or dkd";

bool IsTempered(const DistillLossSettings& loss) {
  switch (loss.kind) {
    case LossKind::kKl:
    case LossKind::kKlReverse:
    case LossKind::kJs:
    case LossKind::kCrossEntropy:
    case LossKind::kDkd:
      return true;
    case LossKind::kMse:
    case LossKind::kMseCentered:
    case LossKind::kHuber:
    case LossKind::kNll:
      return false;
  }
  return false;
}

Field<DistillLossSettings> KindField() {
  return WordField<DistillLossSettings, LossKind>(
      "kind", &DistillLossSettings::kind,
      {{"kl", LossKind::kKl},
       {"kl_reverse", LossKind::kKlReverse},
       {"js", LossKind::kJs},
       {"cross_entropy", LossKind::kCrossEntropy},
       {"dkd", LossKind::kDkd},
       {"mse", LossKind::kMse},
       {"mse_centered", LossKind::kMseCentered},
       {"huber", LossKind::kHuber},
       {"nll", LossKind::kNll}},
      {"hint", "attention", "autoencoder", "relational", "main_aux", "mutual", "multi_teacher",
       "kickstart", "adversarial"},
      "kl: KL(teacher, student); kl_reverse: KL(student, teacher); js: Jensen-Shannon; "
      "cross_entropy: of the student under the teacher's probabilities (kl and a constant); dkd: "
      "decoupled, the parts of kl for the label and for the other actions with weights of their "
      "own, three actions or more; mse: squared error of Q, summed over actions; mse_centered: "
      "the same of Q less its mean over actions (advantages); huber: Huber loss of Q with delta 1, "
      "summed over actions; nll: cross-entropy with the label.");
}

}  // namespace

FieldList<DistillLossSettings> DistillLossFields() {
  using S = DistillLossSettings;
  const auto dkd = [](const S& l) { return l.kind == LossKind::kDkd; };
  return {
      KindField(),
      OnlyWith<S>(WordField<S, Temper>("temper", &S::temper,
                                       {{"teacher", Temper::kTeacher}, {"both", Temper::kBoth}}, {},
                                       "Whose outputs the temperature divides: the teacher's "
                                       "(Rusu et al. 2015) or both (Hinton et al. 2015)."),
                  kTemperedKinds, IsTempered),
      OnlyWith<S>(ScheduleField<S>("temperature", &S::temperature, {0, 1e6, true},
                                   "Divides Q before the softmax; below 1 sharpens. A map moves "
                                   "it on a line over the student's first `updates` updates."),
                  kTemperedKinds, IsTempered),
      OnlyWith<S>(FlagField<S>("tau_squared", &S::tau_squared,
                               "The loss is multiplied by the temperature squared."),
                  "temper: both",
                  [](const S& l) { return IsTempered(l) && l.temper == Temper::kBoth; }),
      FlagField<S>("weighted", &S::weighted, "Use the batch's importance weights."),
      ScheduleField<S>("soft_weight", &S::soft_weight, {0, 1e6},
                       "Weight of the loss `kind`; may move like the temperature."),
      ScheduleField<S>("hard_weight", &S::hard_weight, {0, 1e6},
                       "Weight of the cross-entropy with the label, without temperature, added to "
                       "the other; neither weight implies the other. May move."),
      FixedField<S>("label", {"teacher"}, {"truth"},
                    "The label of nll, dkd and `hard_weight`; teacher: the teacher's best action."),
      OnlyWith<S>(NumberField<S>("target_weight", &S::target_weight, {0, 1e6},
                                 "Weight of the label's part (alpha of Zhao et al. 2022)."),
                  "kind: dkd", dkd),
      OnlyWith<S>(NumberField<S>("non_target_weight", &S::non_target_weight, {0, 1e6},
                                 "Weight of the other actions' part (their beta)."),
                  "kind: dkd", dkd),
  };
}

}  // namespace stillhouse
