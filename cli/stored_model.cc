#include "cli/stored_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/ranges.h>

#include "cli/list.h"
#include "common/base/error.h"
#include "common/config/config_load.h"
#include "common/model/native_file.h"
#include "common/model/parameters.h"
#include "common/run/atomic_file.h"
#include "common/run/checkpoint_store.h"
#include "learner/protocol/checkpoint_state.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTeacher = "teacher";
constexpr std::string_view kStudentPrefix = "student-";
/// A model's file; what is larger is something else.
constexpr std::size_t kMostModelBytes = std::size_t{4} << 30U;

std::string StateFile(const std::string& name) {
  return name == kTeacher ? "teacher.state" : fmt::format("student-{}.state", name);
}

/// The model that a checkpoint's file is of; empty: of none.
std::string ModelOfStateFile(const std::string& file) {
  std::string stem = fs::path(file).stem().string();
  if (fs::path(file).extension() != ".state") return {};
  if (stem == kTeacher) return stem;
  return stem.starts_with(kStudentPrefix) ? stem.substr(kStudentPrefix.size()) : std::string();
}

bool IsCheckpoint(const fs::path& directory) {
  std::error_code error;
  return directory.parent_path().filename() == "checkpoints" ||
         fs::exists(directory / kManifestFile, error);
}

StoredModel FromNative(const fs::path& file) {
  const std::string text = ReadFile(file, kMostModelBytes);
  NativeFile read = DecodeNativeFile(
      {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, file.string());
  return {.label = {},
          .name = file.stem().string(),
          .file = file,
          .network = std::move(read.network),
          .parameters = std::move(read.parameters),
          .updates = 0,
          .config = {}};
}

/// The Polyak average of a state before its freeze, corrected for its start at 0.
std::vector<float> AverageOf(const learner::TeacherState& state, const fs::path& file) {
  if (state.model.average.empty() || state.average_missing >= 1) {
    throw ConfigError(fmt::format("{}: it has no average of the weights yet", file.string()));
  }
  std::vector<float> values = state.model.average;
  const auto correction = static_cast<float>(1 / (1 - state.average_missing));
  for (float& value : values) value *= correction;
  return values;
}

StoredModel FromCheckpoint(const fs::path& directory, const Checkpoint& checkpoint,
                           const std::string& name, StoredWeights weights) {
  const fs::path file = directory / StateFile(name);
  const auto found = checkpoint.files.find(StateFile(name));
  if (found == checkpoint.files.end()) {
    std::vector<std::string> names;
    for (const auto& [other, bytes] : checkpoint.files) {
      if (const auto model = ModelOfStateFile(other); !model.empty()) names.push_back(model);
    }
    throw ConfigError(fmt::format("{}: no model '{}' in this checkpoint; there are {}",
                                  directory.string(), name, fmt::join(names, ", ")));
  }
  const auto make = [&](ModelState state) {
    return StoredModel{.label = {},
                       .name = name,
                       .file = file,
                       .network = std::move(state.network),
                       .parameters = std::move(state.parameters),
                       .updates = checkpoint.facts.updates,
                       .config = {}};
  };
  if (name != kTeacher) return make(learner::StudentState::Decode(found->second).memory.model);
  auto state = learner::LearnerState::Decode(found->second);
  std::vector<float> average;
  if (weights == StoredWeights::kAverage && !state.frozen) average = AverageOf(state.teacher, file);
  StoredModel model = make(std::move(state.teacher.model));
  if (!average.empty()) model.parameters = std::move(average);
  return model;
}

std::vector<std::string> FinalModels(const fs::path& run) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run / "models", error)) {
    if (entry.path().extension() == ".native") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

StoredModel FromRun(const fs::path& run, const std::string& name, StoredWeights weights) {
  const auto finals = FinalModels(run);
  if (std::find(finals.begin(), finals.end(), name) != finals.end()) {
    return FromNative(run / "models" / (name + ".native"));
  }
  std::string damage;
  for (const auto& directory : CheckpointStore(run).List()) {
    try {
      return FromCheckpoint(directory, CheckpointStore::Read(directory), name, weights);
    } catch (const StorageError& error) {
      damage += fmt::format("; {}", error.what());
    } catch (const WireError& error) {
      damage += fmt::format("; {}", error.what());
    }
  }
  if (!finals.empty()) {
    throw ConfigError(fmt::format("{}: no model '{}'; there are {}", run.string(), name,
                                  fmt::join(finals, ", ")));
  }
  throw ConfigError(fmt::format("{}: neither models/{}.native nor a whole checkpoint there{}",
                                run.string(), name, damage));
}

StoredModel FromFile(const fs::path& file, StoredWeights weights) {
  const auto extension = file.extension();
  if (extension == ".native") return FromNative(file);
  if (extension == ".onnx" || extension == ".pt") {
    throw ConfigError(
        fmt::format("{}: {} files are not supported yet; models/<name>.native of a "
                    "run, or RUN_DIR:NAME",
                    file.string(), extension.string()));
  }
  const std::string name = ModelOfStateFile(file.filename().string());
  if (name.empty()) {
    throw ConfigError(
        fmt::format("{}: not a model; expected <name>.native, or teacher.state or "
                    "student-<name>.state of a checkpoint",
                    file.string()));
  }
  const fs::path directory = fs::absolute(file).parent_path();
  return FromCheckpoint(directory, CheckpointStore::Read(directory), name, weights);
}

StoredModel Find(const std::string& text, StoredWeights weights) {
  std::error_code error;
  if (fs::is_regular_file(text, error)) return FromFile(text, weights);
  if (fs::is_directory(text, error)) {
    throw ConfigError(fmt::format(
        "{}: a directory; say which model: {}:NAME, for example {}:teacher", text, text, text));
  }
  const std::size_t colon = text.rfind(':');
  const fs::path directory = colon == std::string::npos ? "" : text.substr(0, colon);
  const std::string name = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (name.empty() || !fs::is_directory(directory, error)) {
    throw ConfigError(fmt::format(
        "{}: no such model; a file <name>.native, RUN_DIR:NAME, or RUN_DIR/checkpoints/<updates>:"
        "NAME",
        text));
  }
  // Without a slash at its end, so that the parent is the parent.
  const fs::path plain = fs::absolute(directory / "").parent_path().lexically_normal();
  if (IsCheckpoint(plain))
    return FromCheckpoint(plain, CheckpointStore::Read(plain), name, weights);
  return FromRun(plain, name, weights);
}

/// The configuration of the run that the file lies in.
std::optional<RunConfig> ConfigAround(const fs::path& file) {
  const fs::path config = RunOf(file) / "config.yaml";
  std::error_code error;
  if (!fs::exists(config, error)) return std::nullopt;
  return LoadConfig(config.string(), {{}, EnvironmentChoices()});
}

}  // namespace

void ExpectFits(const StoredModel& model, const EnvironmentSpec& environment) {
  if (model.network.Observation() == environment.observation &&
      model.network.NumActions() == environment.num_actions) {
    return;
  }
  throw ConfigError(fmt::format("{}: it takes {} and chooses of {} actions; {} has {} and {}",
                                model.label, model.network.Observation().ToString(),
                                model.network.NumActions(), environment.id,
                                environment.observation.ToString(), environment.num_actions));
}

fs::path RunOf(const fs::path& file) {
  const fs::path folder = fs::absolute(file).lexically_normal().parent_path();
  return folder.filename() == "models" ? folder.parent_path() : folder.parent_path().parent_path();
}

StoredModel ReadStoredModel(const std::string& text, StoredWeights weights) {
  try {
    StoredModel model = Find(text, weights);
    if (!AllFinite(model.parameters)) {
      throw ConfigError(fmt::format("{}: a parameter is infinite or not a number", text));
    }
    model.label = text;
    model.config = ConfigAround(model.file);
    return model;
  } catch (const StorageError& error) {
    throw ConfigError(fmt::format("{}: {}", text, error.what()));
  } catch (const WireError& error) {
    throw ConfigError(fmt::format("{}: {}", text, error.what()));
  }
}

}  // namespace stillhouse::cli
