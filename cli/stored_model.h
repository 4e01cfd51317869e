#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/tensor_spec.h"
#include "common/config/run_config.h"
#include "common/model/network_spec.h"

namespace stillhouse::cli {

/// Which weights of a teacher in training are meant.
enum class StoredWeights : std::uint8_t { kLast, kAverage };

/// A model as a run has left it on the disk.
struct StoredModel {
  std::string label;  ///< as the user named it
  std::string name;   ///< in its run: "teacher", "small"
  std::filesystem::path file;
  NetworkSpec network;
  std::vector<float> parameters;  ///< canonical order, all finite
  /// Teacher updates of the checkpoint; 0 for a model file, which does not say.
  std::uint64_t updates = 0;
  std::optional<RunConfig> config;  ///< of the run that it lies in, if it lies in one
};

/// `text` is one of
///   RUN_DIR:NAME                       models/NAME.native, or of the newest whole checkpoint where
///                                      the run has not come to its end
///   RUN_DIR/checkpoints/<updates>:NAME of that checkpoint
///   a file: <name>.native, or teacher.state or student-<name>.state in a checkpoint
/// `weights` concern the teacher of a checkpoint before its freeze; everything else has one kind.
/// Throws ConfigError, naming the file, for what is missing, damaged, not finite or no model, and
/// names the models that there are.
StoredModel ReadStoredModel(const std::string& text, StoredWeights weights);

/// Throws ConfigError, naming both sides, when the model is for other observations or actions.
void ExpectFits(const StoredModel& model, const EnvironmentSpec& environment);

/// The run whose models/, checkpoints/<updates>/ or exports/<model>/ the file would lie in.
std::filesystem::path RunOf(const std::filesystem::path& file);

}  // namespace stillhouse::cli
