#include "common/config/graph_check.h"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/config/config_check.h"
#include "common/config/config_report.h"
#include "common/config/model_graph.h"

namespace stillhouse {
namespace {

class GraphChecker {
 public:
  GraphChecker(const RunConfig& config, std::string file, FieldContext& context)
      : config_(config), file_(std::move(file)), context_(context) {}

  void OneKindOfTeacher() {
    const auto teachers = context_.set.find("teachers");
    if (teachers == context_.set.end()) return;
    const auto teacher = context_.set.lower_bound("teacher.");
    const bool section = teacher != context_.set.end() && teacher->first.starts_with("teacher.");
    const bool entry = context_.set.contains("teachers.teacher");
    if (section && entry) {
      context_.errors.Add(teacher->second, teacher->first, "teachers.teacher is given too");
    } else if (!section && !entry) {
      context_.errors.Add(teachers->second, "teachers",
                          "none of them is the one named teacher, which plays; the others learn "
                          "from its store");
    }
  }

  void Names() {
    std::set<std::string> seen = {"teacher"};
    for (const StudentSettings& student : config_.students) {
      if (!seen.insert(student.name).second) {
        Fail("teachers." + student.name, {"students." + student.name},
             "a student has this name too; a name is one model's");
      }
    }
  }

  /// False: some name does not exist, and the graph cannot be looked at.
  bool Sources() {
    bool exist = true;
    std::vector<std::string> names = {"teacher"};
    for (const StudentSettings& student : config_.students) names.push_back(student.name);
    for (const StudentSettings& student : config_.students) {
      const std::string from = "students." + student.name + ".from";
      std::vector<std::string> others;
      std::copy_if(names.begin(), names.end(), std::back_inserter(others),
                   [&](const std::string& name) { return name != student.name; });
      std::set<std::string> seen;
      for (std::size_t i = 0; i < student.from.size(); ++i) {
        const std::string& source = student.from[i].model;
        const std::string item = fmt::format("{}[{}]", from, i);
        if (source == student.name) {
          Fail(item, {from}, "a model cannot label for itself; " + Suggest("", others));
        } else if (std::find(names.begin(), names.end(), source) == names.end()) {
          Fail(item, {from},
               fmt::format("unknown model '{}'; {}", source, Suggest(source, others)));
          exist = false;
        } else if (!seen.insert(source).second) {
          Fail(item, {from}, fmt::format("'{}' is given twice", source));
        }
      }
    }
    return exist;
  }

  void Policy() {
    std::vector<std::string> names = {"teacher"};
    for (const StudentSettings& student : config_.students) names.push_back(student.name);
    const std::string& policy = config_.actors.policy;
    if (std::find(names.begin(), names.end(), policy) == names.end()) {
      Fail("actors.policy", {},
           fmt::format("unknown model '{}'; {}", policy, Suggest(policy, names)));
    }
    const std::string& guest = config_.actors.mix.model;
    if (guest == "none") return;
    if (std::find(names.begin(), names.end(), guest) == names.end()) {
      Fail("actors.mix.model", {},
           fmt::format("unknown model '{}'; {}", guest, Suggest(guest, names)));
    } else if (guest == policy) {
      Fail("actors.mix.model", {}, fmt::format("actors.policy is '{}' too", policy));
    } else if (IsSupervised(config_)) {
      Fail("actors.mix.model", {}, "nobody plays in a supervised run");
    } else if (config_.actors.mix.share.Greatest() == 0) {
      Fail("actors.mix.share", {"actors.mix.model"}, "its share is 0: it would never play");
    }
  }

  void Grounding() {
    const ModelGraph graph = ModelGraph::Of(config_);
    for (const std::size_t model : graph.Ungrounded()) {
      const std::string& name = graph.Models()[model].name;
      const std::string from = "students." + name + ".from";
      if (graph.Models()[model].from.empty()) {
        Fail(from, {"students." + name},
             "it learns from nothing: name a model, or give it `rewards: true`, or the truth of a "
             "data "
             "set (loss.label)");
        continue;
      }
      const auto cycle = graph.CycleThrough(model);
      if (cycle.empty()) continue;  // what is behind it is complained about
      std::vector<std::string> names;
      for (const std::size_t step : cycle) names.push_back(graph.Models()[step].name);
      Fail(from, {"students." + name},
           fmt::format(
               "{} <- {}: nobody in this circle learns from the teacher, from rewards or from the "
               "truth",
               name, fmt::join(names, " <- ")));
    }
  }

  /// What does not go together with an omitted class, or with examples instead of experience.
  void Supervision() {
    const bool supervised = IsSupervised(config_);
    for (const StudentSettings& student : config_.students) {
      const std::string path = "students." + student.name;
      if (student.rewards && supervised) {
        Fail(path + ".rewards", {path}, "examples have no rewards; not with a supervised teacher");
      }
      const bool plain = student.from.size() == 1 && student.from[0].model == "teacher" &&
                         student.from[0].where.empty();
      const bool source = std::any_of(
          config_.students.begin(), config_.students.end(), [&](const StudentSettings& other) {
            return std::any_of(other.from.begin(), other.from.end(),
                               [&](const auto& edge) { return edge.model == student.name; });
          });
      if (student.omit >= 0 && (!plain || source)) {
        Fail(path + ".data.omit", {path},
             "only for a student of the teacher that labels for nobody");
      }
      if (student.shuffle_labels && !plain) {
        Fail(path + ".data.shuffle_labels", {path}, "only for a student of the teacher alone");
      }
      if (student.loss.label == LabelBy::kTruth) Truth(student, supervised);
      if (student.from.empty() && student.loss.adversarial_weight.Greatest() > 0) {
        Fail(path + ".loss.adversarial_weight", {path},
             "without a source nothing can be told apart");
      }
    }
  }

  /// What learns from the truth needs one; without sources it must need nothing else.
  void Truth(const StudentSettings& student, bool supervised) {
    const std::string path = "students." + student.name;
    if (!supervised) {
      Fail(path + ".loss.label", {path},
           "nobody says what is right here; truth needs a data set and teacher.algorithm.kind: "
           "supervised");
    }
    if (student.from.empty() && student.loss.kind != LossKind::kNll &&
        student.loss.soft_weight.Greatest() > 0) {
      Fail(path + ".from", {path},
           "without a source only the label is known: kind: nll, or soft_weight: 0");
    }
  }

  /// Who only labels must have learnt, and learns nothing.
  void Frozen() {
    for (const StudentSettings& student : config_.students) {
      if (!student.frozen) continue;
      const std::string path = "students." + student.name;
      const std::string teachers = "teachers." + student.name;
      if (student.init == "none") {
        Fail(path + ".init", {path + ".frozen", teachers + ".algorithm.kind", teachers, path},
             "frozen needs a model that has learnt: RUN_DIR:MODEL");
      }
      const auto refuse = [&](bool found, const std::string& key) {
        if (found) Fail(path + key, {path}, "a frozen model learns nothing");
      };
      refuse(!student.from.empty(), ".from");
      refuse(student.rewards.has_value(), ".rewards");
      refuse(student.rounds > 0, ".rounds");
      refuse(student.omit >= 0, ".data.omit");
      refuse(LearnsFromTruth(student), ".loss.label");
    }
  }

  /// Turns need somebody to take them with.
  void Rounds() {
    for (const auto& group : ModelGraph::Of(config_).HostGroups()) {
      std::vector<std::size_t> takers;
      for (const std::size_t k : group) {
        if (config_.students[k].rounds > 0) takers.push_back(k);
      }
      if (takers.empty()) continue;
      const std::string path = "students." + config_.students[takers[0]].name;
      const StudentTime when = config_.students[takers[0]].when;
      for (const std::size_t k : takers) {
        if (config_.students[k].when == when) continue;
        Fail("students." + config_.students[k].name + ".when", {path + ".rounds", path},
             "those who take turns learn at the same time: `when` must be the same");
      }
      if (takers.size() > 1) continue;
      Fail(path + ".rounds", {path},
           "nobody to take turns with: no student that it labels for, or that labels for it, has "
           "`rounds` too");
    }
  }

  /// Keys about labels that the model does not use.
  void Meanings() {
    for (const StudentSettings& student : config_.students) {
      if (LearnsFromTeacher(student)) continue;
      for (const char* key : {"label_source", "max_label_age", "labels"}) {
        const std::string path = "students." + student.name + "." + key;
        const bool written = student.label_source != LabelChoice::kCurrent ||
                             student.max_label_age != 0 || student.labels != LabelPlace::kStream;
        if (!written || !context_.set.contains(path)) continue;
        Fail(path, {}, "has no meaning here: only with the teacher under `from`");
      }
    }
  }

  /// Labels by a student host's copy of the teacher.
  void Copies() {
    for (const StudentSettings& student : config_.students) {
      const std::string path = "students." + student.name;
      if (student.labels == LabelPlace::kLocal && student.label_source != LabelChoice::kCurrent) {
        Fail(path + ".label_source", {path + ".labels", path},
             "with labels: local it must be current: the copy is of the present teacher");
      }
      if (!NeedsTeachersCopy(student) || student.max_label_age == 0) continue;
      const std::int32_t every = config_.teacher.publish_every;
      if (student.max_label_age >= every) continue;
      Fail(path + ".max_label_age", {path},
           fmt::format("{} is below teacher.publish_every {}: the host's copy of the teacher would "
                       "be too old itself most of the time",
                       student.max_label_age, every));
    }
  }

 private:
  void Fail(const std::string& path, const std::vector<std::string>& instead,
            const std::string& message) {
    ReportAt(context_, file_, path, instead, message);
  }

  const RunConfig& config_;
  const std::string file_;
  FieldContext& context_;
};

}  // namespace

void CheckGraph(const RunConfig& config, const std::string& file, FieldContext& context) {
  GraphChecker check(config, file, context);
  check.OneKindOfTeacher();
  check.Names();
  check.Policy();
  if (!check.Sources()) return;
  check.Grounding();
  check.Frozen();
  check.Supervision();
  check.Rounds();
  check.Meanings();
  check.Copies();
}

}  // namespace stillhouse
