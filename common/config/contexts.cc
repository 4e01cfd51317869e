#include "common/config/contexts.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/config/config_report.h"
#include "common/config/feature_check.h"

namespace stillhouse {
namespace {

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class ContextChecker {
 public:
  ContextChecker(const RunConfig& config, std::string file, FieldContext& context)
      : config_(config),
        names_(ContextNames(config.env)),
        file_(std::move(file)),
        context_(context) {}

  void Games() {
    if (names_.empty()) return;
    for (const std::string& game : config_.env.several.evaluate) {
      if (Contains(names_, game)) continue;
      Fail("env.options.evaluate", {},
           fmt::format("'{}' is none of the games; {}", game, Suggest(game, names_)));
    }
  }

  void Student(const StudentSettings& student) {
    const std::string path = "students." + student.name;
    bool somewhere = false;
    for (const SourceSettings& source : student.from) {
      somewhere = somewhere || !source.where.empty();
      Name(fmt::format("{}.from.{}.where", path, source.model), {path + ".from"}, source.where);
    }
    if (student.rewards) {
      Name(path + ".rewards.where", {path + ".rewards", path}, student.rewards->where);
    }
    if (!somewhere) return;
    const auto refuse = [&](bool found, const std::string& key) {
      if (!found) return;
      Fail(path + key, {path}, "is of all rows of a batch; not with a source that has `where`");
    };
    refuse(LearnsFeatures(student), ".features.kind");
    refuse(student.shared_layers > 0, ".shared_layers");
    refuse(student.loss.adversarial_weight.Greatest() > 0, ".loss.adversarial_weight");
    refuse(student.shuffle_labels, ".data.shuffle_labels");
  }

 private:
  void Name(const std::string& path, const std::vector<std::string>& instead,
            const std::string& name) {
    if (name.empty() || Contains(names_, name)) return;
    Fail(path, instead,
         names_.empty()
             ? fmt::format("{} has one task only, without contexts; minatar/several has a context "
                           "for each of its games",
                           config_.env.id)
             : fmt::format("unknown context '{}'; {}", name, Suggest(name, names_)));
  }

  void Fail(const std::string& path, const std::vector<std::string>& instead,
            const std::string& message) {
    ReportAt(context_, file_, path, instead, message);
  }

  const RunConfig& config_;
  const std::vector<std::string> names_;
  const std::string file_;
  FieldContext& context_;
};

}  // namespace

bool PlaysSeveralGames(std::string_view id) { return id == "minatar/several"; }

std::vector<std::string> ContextNames(const EnvironmentSettings& env) {
  return PlaysSeveralGames(env.id) ? env.several.games : std::vector<std::string>{};
}

void CheckContexts(const RunConfig& config, const std::string& file, FieldContext& context) {
  ContextChecker check(config, file, context);
  check.Games();
  for (const StudentSettings& student : config.students) check.Student(student);
}

}  // namespace stillhouse
