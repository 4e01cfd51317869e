#include "common/config/config_check.h"

#include <algorithm>
#include <initializer_list>
#include <optional>

#include <fmt/format.h>

#include "common/base/error.h"
#include "common/config/config_report.h"
#include "common/config/contexts.h"
#include "common/config/feature_check.h"
#include "common/config/graph_check.h"
#include "common/model/network_spec.h"

namespace stillhouse {
namespace {

/// Families of the contract that are still to come.
constexpr const char* kFamiliesToCome[] = {"plugin:", "python:"};

constexpr const char* kNoFrames =
    "nobody plays with a frozen teacher or a stored replay: set updates or time (of a frozen "
    "teacher: of the students), or plateau";

/// Why a student of so many actions cannot learn by its loss; empty: it can.
std::string LossError(const DistillLossSettings& loss, std::int64_t num_actions) {
  if (loss.kind != LossKind::kDkd || num_actions > 2) return {};
  return fmt::format(
      "dkd weighs the actions that are not the best against each other, and of {} actions at most "
      "one is left; use kl",
      num_actions);
}

class Checker {
 public:
  Checker(const RunConfig& config, std::string file, FieldContext& context)
      : config_(config), file_(std::move(file)), context_(context) {}

  void Environment(const std::vector<EnvironmentChoice>& choices) {
    const std::string& id = config_.env.id;
    if (id.empty()) {
      if (context_.set.count("env.id") != 0) return;  // given and already reported
      return Fail({"env.id"}, "missing; name an environment, such as minatar/breakout");
    }
    for (const char* family : kFamiliesToCome) {
      if (id.starts_with(family)) {
        return Fail({"env.id"}, fmt::format("'{}' is not supported yet; minatar/..., "
                                            "classic/..., box2d/... and data/... are",
                                            id));
      }
    }
    std::vector<std::string> ids;
    for (const EnvironmentChoice& choice : choices) {
      if (choice.id == id) return Options(choice, choices);
      ids.push_back(choice.id);
    }
    if (!ids.empty()) {
      Fail({"env.id"}, fmt::format("unknown environment '{}'; {}", id, Suggest(id, ids)));
    } else if (!id.starts_with("minatar/") && !id.starts_with("classic/") &&
               !id.starts_with("box2d/") && !IsData()) {
      Fail({"env.id"}, fmt::format("unknown environment '{}'; expected minatar/..., classic/..., "
                                   "box2d/... or data/...",
                                   id));
    }
  }

  void Actors() {
    const ActorSettings& actors = config_.actors;
    const ExplorationSettings& explore = actors.exploration;
    if (explore.kind == ExplorationSettings::Kind::kSchedule && explore.to > explore.from) {
      Fail({"actors.exploration.to", "actors.exploration.from"},
           fmt::format("{} is above actors.exploration.from {}", explore.to, explore.from));
    }
    if (actors.workers > 0 && actors.hosts > actors.workers) {
      Fail({"actors.workers", "actors.hosts"},
           fmt::format("{} workers are fewer than actors.hosts {}; each host needs one",
                       actors.workers, actors.hosts));
    }
  }

  void Replay() {
    const ReplaySettings& replay = config_.replay;
    const std::int64_t share = replay.capacity / replay.shards;
    const std::int64_t batch = config_.teacher.batch_size;
    if (replay.min_size > replay.capacity) {
      Fail({"replay.min_size", "replay.capacity"},
           fmt::format("{} is above replay.capacity {}", replay.min_size, replay.capacity));
    }
    if (replay.min_size < batch) {
      Fail({"replay.min_size", "teacher.batch_size"},
           fmt::format("{} is below teacher.batch_size {}", replay.min_size, batch));
    }
    Learners();
    const std::int64_t chunk = config_.actors.chunk_steps + replay.n_step;
    if (chunk > share) {
      Fail({"actors.chunk_steps", "replay.capacity", "replay.shards", "replay.n_step"},
           fmt::format("a chunk of {} steps and {} steps of bootstrapping does not fit into a "
                       "shard, which holds {} (replay.capacity {} / replay.shards {})",
                       config_.actors.chunk_steps, replay.n_step, share, replay.capacity,
                       replay.shards));
    }
    const double least = AutoTolerance(config_, std::max(1, config_.actors.workers));
    if (replay.tolerance > 0 && replay.tolerance < least) {
      Fail({"replay.tolerance"},
           fmt::format("{} is below the {} samples that auto needs", replay.tolerance, least));
    }
  }

  void Losses(const std::vector<EnvironmentChoice>& choices) {
    for (const StudentSettings& student : config_.students) {
      const std::string prefix = "students." + student.name + ".loss.";
      for (const EnvironmentChoice& choice : choices) {
        if (choice.id != config_.env.id || choice.num_actions == 0) continue;
        const std::string error = LossError(student.loss, choice.num_actions);
        if (!error.empty()) Fail({(prefix + "kind").c_str()}, choice.id + ": " + error);
      }
      const DistillLossSettings& loss = student.loss;
      const bool dkd_of_nothing =
          loss.kind == LossKind::kDkd && loss.target_weight == 0 && loss.non_target_weight == 0;
      if ((loss.soft_weight.Greatest() == 0 || dkd_of_nothing) &&
          loss.hard_weight.Greatest() == 0 && loss.adversarial_weight.Greatest() == 0 &&
          !LearnsFeatures(student)) {
        Fail({(prefix + "soft_weight").c_str(), (prefix + "hard_weight").c_str(),
              (prefix + "target_weight").c_str(), (prefix + "non_target_weight").c_str()},
             "every part of the loss has weight 0: the student would learn nothing");
      }
    }
  }

  void Supervision() {
    const bool supervised = IsSupervised(config_);
    if (supervised && !IsData()) {
      Fail({"teacher.algorithm.kind", "env.id"},
           fmt::format("supervised needs labels, which {} has not; data/... have", config_.env.id));
    }
    for (const StudentSettings& student : config_.students) {
      const std::string path = "students." + student.name;
      if (student.omit >= 0 && !supervised) {
        Fail({(path + ".data.omit").c_str()}, "needs teacher.algorithm.kind: supervised");
      }
      if (student.correct_bias && student.omit < 0) {
        Fail({(path + ".data.correct_bias").c_str()}, "needs data.omit");
      }
      const std::string rows = path + ".rows";
      if (supervised && student.rows == LabelRows::kSAndNext && context_.set.contains(rows)) {
        Fail({rows.c_str()}, "an example has no next state; with supervised it must be s");
      }
    }
  }

  /// A teacher that has learnt already, or experience that has been made already.
  void Offline() {
    const StopSettings& stop = config_.stop;
    const bool frozen = HasFrozenTeacher(config_);
    if (frozen && config_.teacher.init == "none") {
      Fail({"teacher.init", "teacher.algorithm.kind"},
           "frozen needs a teacher that has learnt: RUN_DIR:MODEL");
    }
    const auto& students = config_.students;
    const bool learns = std::any_of(students.begin(), students.end(),
                                    [](const StudentSettings& student) { return !student.frozen; });
    if (frozen && !learns) {
      Fail({"students", "teacher.algorithm.kind"},
           "a frozen teacher without students: nobody learns");
    }
    for (const StudentSettings& student : config_.students) {
      if (!frozen || !student.rewards) continue;
      Fail({("students." + student.name + ".rewards").c_str(), "teacher.algorithm.kind"},
           "not beside a frozen teacher yet");
    }
    if (LearnsFromStored(config_) && config_.replay.durability == Durability::kNone) {
      Fail({"replay.durability", "replay.from"}, "a stored replay is kept: async or sync");
    }
    if (LearnsFromStored(config_) && config_.replay.dir != "auto") {
      Fail({"replay.dir", "replay.from"}, "must be auto with replay.from");
    }
    if (!frozen && !LearnsFromStored(config_)) return;
    if (stop.frames) Fail({"stop.frames", "replay.from", "teacher.algorithm.kind"}, kNoFrames);
    if (frozen && stop.teacher_return) {
      Fail({"stop.teacher_return"}, "the teacher is frozen: it returns what it returns");
    }
    const bool limited = stop.updates || stop.time || (frozen ? stop.plateau > 0 : false) ||
                         (!frozen && stop.teacher_return);
    if (!limited && !stop.frames) Fail({"stop.updates", "replay.from"}, "no limit is set");
  }

  void Times() {
    const StopSettings& stop = config_.stop;
    const bool any = stop.frames || stop.updates || stop.time || stop.teacher_return;
    if (!any && !HasFrozenTeacher(config_) && !LearnsFromStored(config_)) {
      Fail({"stop.frames", "stop.updates", "stop.time", "stop.teacher_return"},
           "no limit is set; set one of frames, updates, time, teacher_return");
    }
    Counted("evaluation.every", config_.evaluation.every);
    Counted("monitor.log_every", config_.monitor.log_every);
    Counted("checkpoint.every", config_.checkpoint.every);
    if (stop.time) Counted("stop.time", *stop.time);
    OfTheClock("actors.hang_after", config_.actors.hang_after);
    OfTheClock("monitor.stall_after", config_.monitor.stall_after);
  }

 private:
  bool IsData() const { return config_.env.id.starts_with("data/"); }

  /// An option passes when any of MinAtar's games has it: MinAtar's own constructor takes
  /// difficulty_ramping for games that never ramp, too.
  void Options(const EnvironmentChoice& choice, const std::vector<EnvironmentChoice>& choices) {
    constexpr std::string_view kPrefix = "env.options.";
    const auto alone = [](const std::string& id) {
      return !id.starts_with("minatar/") || PlaysSeveralGames(id);
    };
    std::vector<std::string> known;
    for (const EnvironmentChoice& other : choices) {
      if (other.id == choice.id || (!alone(other.id) && !alone(choice.id))) {
        known.insert(known.end(), other.options.begin(), other.options.end());
      }
    }
    for (const auto& [path, place] : context_.set) {
      if (!path.starts_with(kPrefix)) continue;
      const std::string option = path.substr(kPrefix.size());
      if (std::find(known.begin(), known.end(), option) == known.end()) {
        Fail({path.c_str()}, fmt::format("{} has no such option", choice.id));
      }
    }
  }

  void Learners() {
    const TeacherSettings& teacher = config_.teacher;
    if (teacher.batch_size % teacher.learners != 0) {
      Fail({"teacher.learners", "teacher.batch_size"},
           fmt::format("{} learners cannot share batches of {} evenly", teacher.learners,
                       teacher.batch_size));
    }
    if (teacher.learners > 1 && config_.run.deterministic) {
      Fail({"teacher.learners", "run.deterministic"},
           "a deterministic run does everything in one process, with one learner");
    }
    if (teacher.learners > 1 && HasFrozenTeacher(config_)) {
      Fail({"teacher.learners", "teacher.algorithm.kind"},
           "a frozen teacher learns nothing; its labels are one learner's work");
    }
  }

  /// Where nothing happens nothing can be counted.
  void OfTheClock(const char* path, const Duration& duration) {
    if (duration.unit == Duration::Unit::kSeconds) return;
    Fail({path}, "updates and frames do not count here; expected a duration (500ms, 60s, 5m, 1h)");
  }

  void Counted(const char* path, const Duration& duration) {
    if (duration.unit == Duration::Unit::kSeconds || config_.run.deterministic) return;
    Fail({path},
         "updates and frames count time only with run.deterministic: true; expected a "
         "duration such as 60s");
  }

  /// Reports at the first of `paths` that was written; the first one names the key.
  void Fail(std::initializer_list<const char*> paths, const std::string& message) {
    ReportAt(context_, file_, *paths.begin(), {paths.begin() + 1, paths.end()}, message);
  }

  const RunConfig& config_;
  const std::string file_;
  FieldContext& context_;
};

std::optional<NetworkSpec> CheckedNetwork(const std::string& model,
                                          const std::vector<LayerSpec>& layers,
                                          const EnvironmentSpec& environment,
                                          std::vector<std::string>& errors) {
  try {
    return NetworkSpec::Create(layers, environment.observation, environment.num_actions);
  } catch (const ConfigError& error) {
    errors.push_back(model + "." + error.what());  // begins with "network: "
    return std::nullopt;
  }
}

LayerSpec Linear(std::int64_t units) { return {.kind = LayerKind::kLinear, .units = units}; }

/// A small convolutional network for MinAtar's images, or two layers for vectors.
std::vector<LayerSpec> DefaultLayers(bool image, std::int64_t filters, std::int64_t units) {
  const LayerSpec relu{.kind = LayerKind::kRelu};
  const LayerSpec head{.kind = LayerKind::kQHead, .dueling = true};
  if (!image) return {Linear(units), relu, Linear(units), relu, head};
  return {{.kind = LayerKind::kConv2d, .units = filters, .kernel = 3},
          relu,
          {.kind = LayerKind::kFlatten},
          Linear(units),
          relu,
          head};
}

}  // namespace

std::vector<std::string> CheckNetworks(const RunConfig& config,
                                       const EnvironmentSpec& environment) {
  std::vector<std::string> errors;
  const auto teacher = CheckedNetwork("teacher", config.teacher.network, environment, errors);
  for (const StudentSettings& student : config.students) {
    const auto network =
        CheckedNetwork("students." + student.name, student.network, environment, errors);
    if (teacher && network && student.features.kind != FeatureSettings::Kind::kNone) {
      const std::string error = FeatureError(student.features, *teacher, *network);
      if (!error.empty()) errors.push_back("students." + student.name + ".features: " + error);
    }
    const std::string error = LossError(student.loss, environment.num_actions);
    if (!error.empty()) errors.push_back("students." + student.name + ".loss.kind: " + error);
  }
  return errors;
}

double AutoTolerance(const RunConfig& config, std::int32_t workers) {
  const ReplaySettings& replay = config.replay;
  const double filling = static_cast<double>(workers) * config.actors.envs_per_worker *
                         config.actors.chunk_steps * replay.samples_per_insert;
  const double prefetched =
      static_cast<double>(config.teacher.prefetch) * config.teacher.batch_size;
  return std::max(0.1 * static_cast<double>(replay.min_size) * replay.samples_per_insert,
                  2 * (filling + prefetched));
}

double ResolveTolerance(const RunConfig& config, std::int32_t workers) {
  const double least = AutoTolerance(config, workers);
  const double tolerance = config.replay.tolerance;
  if (tolerance == 0) return least;
  if (tolerance < least) {
    throw ConfigError(
        fmt::format("replay.tolerance: {} is below the {} samples that auto needs "
                    "with {} workers",
                    tolerance, least, workers));
  }
  return tolerance;
}

void CheckContradictions(const RunConfig& config, const std::string& file,
                         const LoadOptions& options, FieldContext& context) {
  Checker check(config, file, context);
  check.Environment(options.environments);
  check.Actors();
  check.Replay();
  check.Losses(options.environments);
  check.Supervision();
  check.Offline();
  check.Times();
  CheckGraph(config, file, context);
  CheckContexts(config, file, context);
}

bool IsSupervised(const RunConfig& config) {
  const auto kind = config.teacher.algorithm.kind;
  return kind == AlgorithmSettings::Kind::kSupervised ||
         (kind == AlgorithmSettings::Kind::kFrozen && config.env.id.starts_with("data/"));
}

bool HasFrozenTeacher(const RunConfig& config) {
  return config.teacher.algorithm.kind == AlgorithmSettings::Kind::kFrozen;
}

bool LearnsFromStored(const RunConfig& config) { return config.replay.from != "none"; }

void FillDefaults(RunConfig& config) {
  const std::string& id = config.env.id;
  const bool image = id.starts_with("minatar/") || id == "data/digits" || id == "data/idx";
  if (IsSupervised(config)) {
    // An example is an episode of one step: what comes after it is another one.
    for (StudentSettings& student : config.students) student.rows = LabelRows::kS;
  }
  const auto layers = [&](std::int64_t filters, std::int64_t units) {
    if (id != "data/text") return DefaultLayers(image, filters, units);
    return std::vector<LayerSpec>{{.kind = LayerKind::kEmbedding,
                                   .units = units / 4,
                                   .vocabulary = config.env.data.vocabulary},
                                  Linear(units),
                                  {.kind = LayerKind::kRelu},
                                  {.kind = LayerKind::kQHead}};
  };
  if (config.teacher.network.empty()) config.teacher.network = layers(16, 128);
  for (StudentSettings& student : config.students) {
    // A further teacher is a teacher.
    if (student.network.empty() && student.from.empty()) {
      student.network = layers(16, 128);
    } else if (student.network.empty()) {
      student.network = layers(8, image ? 64 : 32);
    }
  }
}

}  // namespace stillhouse
