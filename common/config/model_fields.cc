#include <fmt/format.h>

#include "common/config/config_fields.h"
#include "common/config/field_reader.h"

namespace stillhouse {
namespace {

bool IsDevice(const std::string& text) {
  if (text == "auto" || text == "cpu" || text == "cuda") return true;
  if (!text.starts_with("cuda:") || text.size() < 6 || text.size() > 8) return false;
  return text.find_first_not_of("0123456789", 5) == std::string::npos;
}

FieldList<AlgorithmSettings> AlgorithmFields() {
  using S = AlgorithmSettings;
  const auto dqn = [](const S& a) { return a.kind == S::Kind::kDqn; };
  return {
      WordField<S, S::Kind>(
          "kind", &S::kind,
          {{"dqn", S::Kind::kDqn},
           {"supervised", S::Kind::kSupervised},
           {"frozen", S::Kind::kFrozen}},
          {"c51", "qr_dqn"},
          "dqn: from rewards, by bootstrapping (Mnih et al. 2015); supervised: from the labels of "
          "a "
          "data set, by cross-entropy, and the actors show examples instead of playing; frozen: it "
          "has learnt already (init) and only labels (what `stillhouse distill` sets)."),
      OnlyWith<S>(FlagField<S>("double", &S::double_q,
                               "The online network chooses the next action (van Hasselt et al. "
                               "2016)."),
                  "kind: dqn", dqn),
      OnlyWith<S>(
          WordField<S, S::Loss>("loss", &S::loss,
                                {{"squared", S::Loss::kSquared}, {"huber", S::Loss::kHuber}}, {},
                                "Loss of the TD error."),
          "kind: dqn", dqn),
      OnlyWith<S>(NumberField<S>("huber_delta", &S::huber_delta, {0, 1e6, true},
                                 "Error at which the loss turns linear."),
                  "loss: huber", [=](const S& a) { return dqn(a) && a.loss == S::Loss::kHuber; }),
  };
}

FieldList<OptimizerSettings> OptimizerFields() {
  using S = OptimizerSettings;
  const auto adam = [](const S& o) { return o.kind == S::Kind::kAdam; };
  const auto rmsprop = [](const S& o) { return o.kind == S::Kind::kRmsProp; };
  return {
      WordField<S, S::Kind>("kind", &S::kind,
                            {{"adam", S::Kind::kAdam}, {"rmsprop", S::Kind::kRmsProp}},
                            {"sgd", "adamw"}, "Rule of the update."),
      NumberField<S>("learning_rate", &S::learning_rate, {0, 10, true}, "Step size."),
      NumberField<S>("epsilon", &S::epsilon, {0, 1, true}, "Added to the denominator."),
      OnlyWith<S>(NumberField<S>("beta1", &S::beta1, {0, 0.9999999}, "Decay of the mean."),
                  "kind: adam", adam),
      OnlyWith<S>(NumberField<S>("beta2", &S::beta2, {0, 0.9999999}, "Decay of the mean square."),
                  "kind: adam", adam),
      OnlyWith<S>(NumberField<S>("alpha", &S::alpha, {0, 0.9999999}, "Decay of the mean square."),
                  "kind: rmsprop", rmsprop),
      OnlyWith<S>(NumberField<S>("momentum", &S::momentum, {0, 0.9999999}, "Momentum."),
                  "kind: rmsprop", rmsprop),
      OnlyWith<S>(FlagField<S>("centered", &S::centered,
                               "Divide by the variance instead of the mean square."),
                  "kind: rmsprop", rmsprop),
      NumberField<S>("max_grad_norm", &S::max_grad_norm, {0, 1e9},
                     "The gradient is scaled down to this norm; 0: never."),
  };
}

bool IsInit(const std::string& text) { return !text.empty() && text.size() <= 4096; }
constexpr const char* kInitText = "none, RUN_DIR:MODEL, RUN_DIR (its teacher) or a model's file";
constexpr const char* kInitDoc =
    "Weights that a fresh run begins with (a resumed one has its own): of every layer whose kind "
    "and "
    "shapes are the same there, maybe of another task; the log says which layers begin at random.";

/// A share of the student's data that cannot be chosen yet.
Field<StudentSettings> ShareField(std::string path, double only, std::string doc) {
  return {std::move(path),
          fmt::format("{}; not supported yet: other shares", only),
          std::move(doc),
          [=](const FieldInput& in, StudentSettings&) {
            const auto value = ReadNumber(in, {0, 1}, "");
            if (value && *value != only) {
              in.Fail(fmt::format("{} is not supported yet; allowed: {}", *value, only));
            }
          },
          [=](const StudentSettings&) { return PrintNumber(only); },
          {},
          {}};
}

}  // namespace

FieldList<TeacherSettings> TeacherFields() {
  using S = TeacherSettings;
  FieldList<S> fields = {
      LayersField<S>(&S::network,
                     "Layers from the observation to `q_head`; the head's size comes "
                     "from the actions. Default: conv2d 16 (kernel 3), linear 128, "
                     "dueling head for minatar/; linear 128 twice elsewhere.")};
  AppendFields(fields, "algorithm", &S::algorithm, AlgorithmFields());
  AppendFields(fields, "optimizer", &S::optimizer, OptimizerFields());
  const FieldList<S> rest = {
      IntegerField<S>("batch_size", &S::batch_size, {1, 65536}, "Transitions of one update."),
      IntegerField<S>("publish_every", &S::publish_every, {1, 1e9},
                      "Updates between publications of weights; a publication is a version."),
      IntegerField<S>("target_update", &S::target_update, {1, 1e9},
                      "Updates between hard copies to the target network."),
      IntegerField<S>("prefetch", &S::prefetch, {1, 1024}, "Batches requested ahead."),
      IntegerField<S>("learners", &S::learners, {1, 256},
                      "Learner ranks, which share each update's batch: synchronous data-parallel "
                      "learning. Must divide batch_size."),
      TextField<S>("device", &S::device, IsDevice, "auto, cpu, cuda or cuda:N",
                   "Where the update runs; auto: the first GPU, or the CPU."),
      WordField<S, FinalTeacher>(
          "final", &S::final,
          {{"average", FinalTeacher::kAverage},
           {"last", FinalTeacher::kLast},
           {"best", FinalTeacher::kBest}},
          {},
          "Which weights become the frozen teacher at the end: their Polyak average, the last, or "
          "those of the best evaluation."),
      IntegerField<S>("average", &S::average, {1, 1e9}, "Updates that the Polyak average spans."),
      TextField<S>("init", &S::init, IsInit, kInitText, kInitDoc),
  };
  fields.insert(fields.end(), rest.begin(), rest.end());
  return fields;
}

FieldList<StudentSettings> StudentFields() {
  using S = StudentSettings;
  FieldList<S> fields = {
      LayersField<S>(&S::network,
                     "Layers. Default: conv2d 8 (kernel 3), linear 64, dueling head "
                     "for minatar/; linear 32 twice elsewhere.")};
  AppendFields(fields, "optimizer", &S::optimizer, OptimizerFields());
  AppendFields(fields, "loss", &S::loss, DistillLossFields());
  AppendFields(fields, "features", &S::features, FeatureFields());
  const FieldList<S> rest = {
      WordField<S, LabelRows>("rows", &S::rows,
                              {{"s", LabelRows::kS}, {"s_and_next", LabelRows::kSAndNext}}, {},
                              "Labelled states it learns from: the batch's, or its next states "
                              "too."),
      IntegerField<S>("publish_every", &S::publish_every, {1, 1e9},
                      "Updates between publications of its weights."),
      FromField(),
      WordField<S, LabelPlace>(
          "labels", &S::labels, {{"stream", LabelPlace::kStream}, {"local", LabelPlace::kLocal}},
          {},
          "Where the teacher's labels are made: by the teacher, with its batches, or by the "
          "student "
          "host's copy of it, which is as old as its last publication (teacher.publish_every)."),
      WordField<S, StudentTime>(
          "when", &S::when, {{"along", StudentTime::kAlong}, {"after", StudentTime::kAfter}}, {},
          "along: while the teacher learns, and in the tail; after: in the tail alone, from the "
          "frozen teacher (sequential distillation)."),
      MaxLabelAgeField(),
      OnlyWith<S>(
          WordField<S, StaleLabels>(
              "on_stale", &S::on_stale,
              {{"drop", StaleLabels::kDrop}, {"relabel", StaleLabels::kRelabel}}, {},
              "What becomes of a batch whose labels are older than max_label_age: it is left out, "
              "or labelled again by the student host's copy of the teacher (and left out where "
              "that is too old itself)."),
          "max_label_age", [](const S& s) { return s.max_label_age > 0; }),
      WordField<S, LabelChoice>("label_source", &S::label_source,
                                {{"current", LabelChoice::kCurrent},
                                 {"average", LabelChoice::kAverage},
                                 {"lagged", LabelChoice::kLagged},
                                 {"best", LabelChoice::kBest}},
                                {},
                                "Which of the teacher's weights label: those it has, their Polyak "
                                "average, its target network's, or those of its best evaluation "
                                "(those it has, before the first). In the tail: the frozen ones."),
      TextField<S>("init", &S::init, IsInit, kInitText, kInitDoc),
      FlagField<S>("frozen", &S::frozen,
                   "It has learnt already (init) and only labels, as an expert of another run."),
      RewardsField(),
      FixedField<S>("actions", {"all"}, {}, "The actions that its head has."),
      IntegerField<S>("rounds", &S::rounds, {0, 1e12},
                      "Takes turns with the students of its host that have this key too: so many "
                      "updates of its own, then theirs; 0: always learns."),
      IntegerField<S>("shared_layers", &S::shared_layers, {0, 512},
                      "So many of its first layers, blocks unrolled, are the teacher's, with the "
                      "weights that it labels with: only the rest is learnt (head distillation)."),
      ShareField("data.replay", 1, "Share of its data that comes from the replay."),
      IntegerField<S>("data.omit", &S::omit, {-1, 65535},
                      "Label whose examples are kept from this student, with a supervised teacher; "
                      "-1: none."),
      OnlyWith<S>(FlagField<S>("data.correct_bias", &S::correct_bias,
                               "Its weights are published with a bias of that label that makes up "
                               "for it (Hinton et al. 2015)."),
                  "data.omit", [](const S& s) { return s.omit >= 0; }),
      FlagField<S>("data.shuffle_labels", &S::shuffle_labels,
                   "A control: every row of a batch gets the label of another, truth included, so "
                   "that there is nothing to learn from them."),
      ShareField("data.own", 0, "Share that it collects by playing itself."),
  };
  fields.insert(fields.end(), rest.begin(), rest.end());
  return fields;
}

}  // namespace stillhouse
