// Keys of a student's `loss:` and `features:`.
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
      {},
      "kl: KL(teacher, student); kl_reverse: KL(student, teacher); js: Jensen-Shannon; "
      "cross_entropy: of the student under the teacher's probabilities (kl and a constant); dkd: "
      "decoupled, the parts of kl for the label and for the other actions with weights of their "
      "own, three actions or more; mse: squared error of Q, summed over actions; mse_centered: "
      "the same of Q less its mean over actions (advantages); huber: Huber loss of Q with delta 1, "
      "summed over actions; nll: cross-entropy with the label.");
}

bool IsLayerName(const std::string& text) {
  return !text.empty() && text.size() <= 40 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

}  // namespace

FieldList<FeatureSettings> FeatureFields() {
  using S = FeatureSettings;
  using Kind = S::Kind;
  const auto some = [](const S& f) { return f.kind != Kind::kNone; };
  const std::string layer =
      "auto (the one before the head), a number from 0, or a kind and which: relu_2";
  const char* const with_some = "kind: hint, attention, autoencoder or relational";
  return {
      WordField<S, Kind>(
          "kind", &S::kind,
          {{"none", Kind::kNone},
           {"hint", Kind::kHint},
           {"attention", Kind::kAttention},
           {"autoencoder", Kind::kAutoencoder},
           {"relational", Kind::kRelational}},
          {},
          "A loss between a layer of the teacher and one of the student, added to the outputs'. "
          "hint: squared error through a learnt regressor (FitNets); attention: where a layer "
          "looks; autoencoder: the teacher's features compressed by a learnt autoencoder (factor "
          "transfer); relational: distances and angles between the rows of a batch (RKD)."),
      OnlyWith<S>(ScheduleField<S>("weight", &S::weight, {0, 1e9},
                                   "Of that loss; 0 is training without it. May move."),
                  with_some, some),
      OnlyWith<S>(TextField<S>("teacher_layer", &S::teacher_layer, IsLayerName, layer,
                               "The teacher's layer, blocks unrolled; `residual_1` is what the "
                               "first block hands on."),
                  with_some, some),
      OnlyWith<S>(
          TextField<S>("student_layer", &S::student_layer, IsLayerName, layer, "The student's."),
          with_some, some),
      OnlyWith<S>(AutoField<S>("factors", &S::factors, {1, 65536},
                               "Channels that the teacher's are compressed to; auto: half of "
                               "them."),
                  "kind: autoencoder", [](const S& f) { return f.kind == Kind::kAutoencoder; }),
  };
}

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
      WordField<S, LabelBy>("label", &S::label,
                            {{"teacher", LabelBy::kTeacher}, {"truth", LabelBy::kTruth}}, {},
                            "The label of nll, dkd and `hard_weight`: the teacher's best action, "
                            "or what a data set says (with a supervised teacher)."),
      OnlyWith<S>(NumberField<S>("target_weight", &S::target_weight, {0, 1e6},
                                 "Weight of the label's part (alpha of Zhao et al. 2022)."),
                  "kind: dkd", dkd),
      OnlyWith<S>(NumberField<S>("non_target_weight", &S::non_target_weight, {0, 1e6},
                                 "Weight of the other actions' part (their beta)."),
                  "kind: dkd", dkd),
      ScheduleField<S>("adversarial_weight", &S::adversarial_weight, {0, 1e6},
                       "Weight of being taken for the label by a small network that learns to tell "
                       "the two apart (the probabilities alone, without the state); added to the "
                       "others. May move."),
      OnlyWith<S>(IntegerField<S>("adversarial_units", &S::adversarial_units, {1, 4096},
                                  "Its hidden units."),
                  "adversarial_weight above 0",
                  [](const S& l) { return l.adversarial_weight.Greatest() > 0; }),
  };
}

}  // namespace stillhouse
