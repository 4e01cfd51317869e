#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "actors/evaluation_runner.h"
#include "common/base/tensor_spec.h"
#include "common/config/run_config.h"
#include "common/messages/evaluation.h"
#include "common/model/network_spec.h"

namespace stillhouse::actors {

/// The models of the run (0 the teacher, 1.. the students in the configuration's order) and those
/// of their pinned versions that evaluation needs at present.
class ModelCatalog {
 public:
  /// Throws ConfigError when a network does not fit the environment.
  ModelCatalog(const RunConfig& config, const EnvironmentSpec& environment);

  const NetworkSpec& Spec(std::uint16_t model) const { return specs_.at(model); }
  bool Has(std::uint16_t model) const { return model < specs_.size(); }

  using Key = std::pair<std::uint16_t, std::uint64_t>;  ///< (model, version)
  enum class Presence : std::uint8_t { kUnknown, kLoaded, kGone };
  Presence Find(const ModelVersion& version) const;
  /// values empty: that version is gone. Throws ShapeError.
  void Load(std::uint16_t model, std::uint64_t version, std::span<const float> values);
  /// Drops every version that is not in `needed`.
  void Keep(const std::set<Key>& needed);

  /// All of a task's models; they must be loaded.
  EvaluationModels For(const EvaluationTask& task) const;
  /// The versions that the task plays and compares, each once.
  static std::vector<ModelVersion> Needed(const EvaluationTask& task);

 private:
  EvaluationModel Get(const ModelVersion& version) const;

  std::vector<NetworkSpec> specs_;                        ///< [model]
  std::vector<DistillLossSettings> losses_;               ///< [model]; the teacher's is not used
  std::map<Key, std::shared_ptr<NativeNetwork>> loaded_;  ///< null: gone
};

}  // namespace stillhouse::actors
