// The keys that make the distillation graph: `teachers:`, `students:` and, in one of these, `from`,
// `rewards` and the age of labels.
#include <set>

#include <fmt/format.h>

#include "common/config/config_fields.h"
#include "common/config/field_reader.h"

namespace stillhouse {
namespace {

constexpr std::size_t kMaxStudents = 64;
constexpr std::size_t kMaxSources = 16;
const Range kWeights{0, 1e6, true};

/// The context in whose rows alone something counts (contexts.h); empty is written `everywhere`.
template <typename S>
Field<S> WhereField(std::string doc) {
  constexpr const char* kAllowed = "everywhere, or a context (a game of minatar/several)";
  return {"where",
          kAllowed,
          std::move(doc),
          [](const FieldInput& in, S& out) {
            if (IsWord(in.node, "everywhere")) {
              out.where.clear();
            } else if (in.node.IsScalar() && IsPlainName(in.node.text)) {
              out.where = in.node.text;
            } else {
              in.FailExpected(kAllowed);
            }
          },
          [](const S& in) { return in.where.empty() ? "everywhere" : PrintText(in.where); },
          {},
          {}};
}

FieldList<SourceSettings> SourceFields() {
  using S = SourceSettings;
  return {NumberField<S>("weight", &S::weight, kWeights, "Relative to the other sources."),
          WhereField<S>("The context in whose rows alone it labels.")};
}

/// `small`, or as an item of the list `{small: 0.5}` or `{small: {weight: 0.5, where: breakout}}`.
void ReadSources(const FieldInput& in, std::vector<SourceSettings>& out) {
  const auto add = [&](SourceSettings source, const ConfigPlace& place) {
    const std::string path = fmt::format("{}[{}]", in.path, out.size());
    in.context.set[path] = place;
    out.push_back(std::move(source));
  };
  const auto add_map = [&](const ConfigNode& node) {
    for (const auto& [model, place, value] : node.entries) {
      const std::string path = in.path + "." + model;
      SourceSettings source{.model = model};
      if (value.kind == ConfigNode::Kind::kMap) {
        ReadFields(value, path + ".", SourceFields(), source, in.context);
      } else if (const auto weight =
                     ReadNumber(FieldInput{value, path, in.context}, kWeights, "")) {
        source.weight = *weight;
      } else {
        continue;
      }
      add(std::move(source), place);
    }
  };
  if (in.node.IsScalar()) return add({.model = in.node.text}, in.node.place);
  if (in.node.kind == ConfigNode::Kind::kMap) return add_map(in.node);
  for (const ConfigNode& item : in.node.items) {
    if (item.IsScalar()) {
      add({.model = item.text}, item.place);
    } else if (item.kind == ConfigNode::Kind::kMap) {
      add_map(item);
    } else {
      in.context.errors.Add(
          item.place, in.path,
          fmt::format("found {}, expected a model's name, or {{name: weight}}", item.Describe()));
    }
  }
}

std::string PrintSources(const std::vector<SourceSettings>& sources) {
  std::string text;
  for (const SourceSettings& source : sources) {
    if (!text.empty()) text += ", ";
    const std::string model = PrintText(source.model);
    if (!source.where.empty()) {
      text += fmt::format("{{{}: {{weight: {}, where: {}}}}}", model, PrintNumber(source.weight),
                          PrintText(source.where));
    } else if (source.weight != 1) {
      text += fmt::format("{{{}: {}}}", model, PrintNumber(source.weight));
    } else {
      text += model;
    }
  }
  return "[" + text + "]";
}

FieldList<LambdaSettings> RampFields() {
  using S = LambdaSettings;
  return {NumberField<S>("from", &S::from, {0, 1e6}, "At the student's first update."),
          NumberField<S>("to", &S::to, {0, 1e6}, "From `updates` on."),
          IntegerField<S>("updates", &S::updates, {1, 1e12}, "Length of the ramp.")};
}

Field<RewardSettings> LambdaField() {
  return {"lambda",
          "number, 0 to 1e+06; {from, to, updates}; or return_gap",
          "Multiplies the labels' loss: fixed, on a straight line over the student's own updates, "
          "or max(0, 1 - G_s / G_t) by the newest evaluation, G the return above random's "
          "(1 before the first).",
          [](const FieldInput& in, RewardSettings& out) {
            LambdaSettings lambda;
            if (IsWord(in.node, "return_gap")) {
              lambda.kind = LambdaSettings::Kind::kReturnGap;
            } else if (in.node.kind == ConfigNode::Kind::kMap) {
              lambda.to = 0;
              ReadFields(in.node, in.path + ".", RampFields(), lambda, in.context);
              if (lambda.updates == 0) in.Fail("a ramp needs its length: updates");
            } else {
              const auto fixed = ReadNumber(in, {0, 1e6}, "return_gap");
              if (fixed) lambda.from = lambda.to = *fixed;
            }
            out.lambda = lambda;
          },
          [](const RewardSettings& in) {
            const LambdaSettings& l = in.lambda;
            if (l.kind == LambdaSettings::Kind::kReturnGap) return std::string("return_gap");
            if (l.updates == 0) return PrintNumber(l.from);
            return fmt::format("{{from: {}, to: {}, updates: {}}}", PrintNumber(l.from),
                               PrintNumber(l.to), l.updates);
          },
          {},
          {}};
}

std::string PrintRewards(const std::optional<RewardSettings>& rewards) {
  if (!rewards) return "none";
  std::string text;
  for (const auto& field : RewardFields()) {
    if (field.applies && !field.applies(*rewards)) continue;
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", field.path, field.print(*rewards));
  }
  return "{" + text + "}";
}

/// Complaints about a name that cannot be a model's; true when it can.
bool NameFits(const std::string& name, const ConfigPlace& place, const std::string& path,
              ConfigErrors& errors) {
  if (IsPlainName(name) && name.find('.') == std::string::npos) return true;
  errors.Add(place, path, "a model's name has letters, digits, '_' and '-' only");
  return false;
}

void ReadStudents(const FieldInput& in, RunConfig& config) {
  if (in.node.kind != ConfigNode::Kind::kMap) {
    in.FailExpected("a map of student names to their settings");
    return;
  }
  const FieldList<StudentSettings> fields = StudentFields();
  for (const auto& [name, place, value] : in.node.entries) {
    const std::string path = in.path + "." + name;
    ConfigErrors& errors = in.context.errors;
    in.context.set[path] = place;
    if (!NameFits(name, place, path, errors)) continue;
    if (name == "teacher") {
      errors.Add(place, path, "the name 'teacher' is taken by the teacher");
    } else if (config.students.size() == kMaxStudents) {
      errors.Add(place, path, fmt::format("more than {} students", kMaxStudents));
      return;
    } else {
      StudentSettings student;
      student.name = name;
      ReadFields(value, path + ".", fields, student, in.context);
      // The default source is not meant for who learns nothing.
      if (student.frozen && !in.context.set.contains(path + ".from")) student.from.clear();
      config.students.push_back(std::move(student));
    }
  }
}

/// A teacher that does not play: a model that learns from the rewards in the other's batches, or
/// one that has learnt already.
StudentSettings FurtherTeacher(const std::string& name, const TeacherSettings& teacher) {
  StudentSettings model;
  model.name = name;
  model.network = teacher.network;
  model.optimizer = teacher.optimizer;
  model.publish_every = teacher.publish_every;
  model.init = teacher.init;
  model.from.clear();
  model.frozen = teacher.algorithm.kind == AlgorithmSettings::Kind::kFrozen;
  if (model.frozen) return model;
  model.rewards = RewardSettings{.double_q = teacher.algorithm.double_q,
                                 .loss = teacher.algorithm.loss,
                                 .huber_delta = teacher.algorithm.huber_delta,
                                 .target_update = teacher.target_update,
                                 .lambda = {}};
  return model;
}

/// Keys that only the teacher that plays decides.
void RefuseKeysOfThePlayer(const FieldInput& in, const std::string& path) {
  for (const char* key : {"batch_size", "prefetch", "device", "final", "average"}) {
    const auto set = in.context.set.find(path + "." + key);
    if (set == in.context.set.end()) continue;
    in.context.errors.Add(set->second, set->first,
                          "only teachers.teacher has it: the others learn from its batches");
  }
}

void ReadTeachers(const FieldInput& in, RunConfig& config) {
  if (in.node.kind != ConfigNode::Kind::kMap) {
    in.FailExpected("a map of names to the keys of `teacher`");
    return;
  }
  const FieldList<TeacherSettings> fields = TeacherFields();
  for (const auto& [name, place, value] : in.node.entries) {
    const std::string path = in.path + "." + name;
    in.context.set[path] = place;
    if (!NameFits(name, place, path, in.context.errors)) continue;
    TeacherSettings teacher;
    ReadFields(value, path + ".", fields, teacher, in.context);
    if (name == "teacher") {
      config.teacher = std::move(teacher);
    } else if (config.students.size() < kMaxStudents) {
      RefuseKeysOfThePlayer(in, path);
      config.students.push_back(FurtherTeacher(name, teacher));
    }
  }
}

}  // namespace

FieldList<RewardSettings> RewardFields() {
  using S = RewardSettings;
  using Loss = AlgorithmSettings::Loss;
  return {
      FlagField<S>("double", &S::double_q,
                   "The online network chooses the next action (van Hasselt et al. 2016)."),
      WordField<S, Loss>("loss", &S::loss, {{"squared", Loss::kSquared}, {"huber", Loss::kHuber}},
                         {}, "Loss of the TD error."),
      OnlyWith<S>(NumberField<S>("huber_delta", &S::huber_delta, {0, 1e6, true},
                                 "Error at which the loss turns linear."),
                  "loss: huber", [](const S& r) { return r.loss == Loss::kHuber; }),
      IntegerField<S>("target_update", &S::target_update, {1, 1e9},
                      "The student's updates between hard copies to its target network."),
      NumberField<S>("weight", &S::weight, {0, 1e6, true}, "Multiplies the TD loss."),
      WhereField<S>("The context in whose rows alone it learns from rewards."),
      LambdaField(),
  };
}

Field<StudentSettings> FromField() {
  return {"from",
          "list of models, each also with a weight, [teacher, {small: 0.5}], or with a context, "
          "[{expert: {weight: 0.5, where: breakout}}]",
          "The models it learns from: the teacher or other students. With several the label is the "
          "weighted mean of their probabilities (of their Q for mse and mse_centered). One with "
          "`where` labels rows of that context alone (docs/offline.md); a row that nobody labels "
          "teaches nothing. Empty: it learns from rewards alone.",
          [](const FieldInput& in, StudentSettings& out) {
            out.from.clear();
            ReadSources(in, out.from);
            if (out.from.size() > kMaxSources) {
              in.Fail(fmt::format("more than {} sources", kMaxSources));
            }
          },
          [](const StudentSettings& in) { return PrintSources(in.from); },
          {},
          {}};
}

Field<StudentSettings> MaxLabelAgeField() {
  const Range range{1, 1e15};
  return {"max_label_age",
          IntegerText(range, "none"),
          "Teacher updates; labels of the teacher that are older are not learnt from.",
          [=](const FieldInput& in, StudentSettings& out) {
            if (IsWord(in.node, "none")) {
              out.max_label_age = 0;
            } else if (const auto value = ReadInteger(in, range, "none")) {
              out.max_label_age = *value;
            }
          },
          [](const StudentSettings& in) {
            return in.max_label_age == 0 ? std::string("none")
                                         : fmt::format("{}", in.max_label_age);
          },
          {},
          {}};
}

Field<StudentSettings> RewardsField() {
  return {"rewards",
          "none, true, or a map of the keys below",
          "Learning from the rewards in the teacher's batches, besides labels (kick-starting) or "
          "without any (`from: []`): weight * TD loss + lambda * loss of the labels.",
          [](const FieldInput& in, StudentSettings& out) {
            if (IsWord(in.node, "none")) {
              out.rewards.reset();
            } else if (in.node.kind == ConfigNode::Kind::kMap) {
              out.rewards.emplace();
              ReadFields(in.node, in.path + ".", RewardFields(), *out.rewards, in.context);
            } else if (IsWord(in.node, "true")) {
              out.rewards.emplace();
            } else {
              in.FailExpected("none, true, or a map of keys");
            }
          },
          [](const StudentSettings& in) { return PrintRewards(in.rewards); },
          {},
          {}};
}

Field<RunConfig> StudentsField() {
  return {"students",
          "map of names to the keys below",
          "The models that learn from the teacher, from each other, or from its store.",
          ReadStudents,
          {},
          {},
          {}};
}

Field<RunConfig> TeachersField() {
  return {
      "teachers",
      "map of names to the keys of `teacher`",
      "Several teachers. The one named `teacher`, here or in the section of that name, plays; the "
      "others are resolved to students without `from` and with `rewards`, or `frozen` where "
      "algorithm.kind says so.",
      ReadTeachers,
      {},
      {},
      {}};
}

}  // namespace stillhouse
