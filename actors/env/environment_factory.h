#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/env/environment.h"
#include "common/base/data_settings.h"
#include "common/base/several_games.h"

namespace stillhouse::actors {

/// `env.options`. An environment looks only at those that it lists in its EnvironmentInfo.
struct EnvironmentOptions {
  double sticky_action_prob = 0.1;  ///< [0, 1]
  bool difficulty_ramping = true;
  bool mask_actions = false;  ///< those that do what a lesser one does are illegal
  SeveralGamesSettings several{};
  DataSettings data{};
};

/// What an environment is played for. Data sets keep examples for evaluation that training never
/// sees; of several games some may be evaluated alone.
enum class EnvironmentUse : std::uint8_t { kTraining, kEvaluation };

struct EnvironmentOptionInfo {
  std::string name;
  std::string default_value;  ///< as in a configuration file
  std::string description;
};

struct EnvironmentInfo {
  std::string id;
  std::string description;  ///< one line
  std::vector<EnvironmentOptionInfo> options;
  bool needs_files = false;  ///< cannot be made without options that name some
};

/// Makes environments of one kind. What they share (a data set's examples) is read once.
class EnvironmentMaker {
 public:
  using Make = std::function<std::unique_ptr<Environment>(EnvironmentUse)>;

  /// Throws ConfigError when the id is unknown or not supported yet, naming the ids that exist,
  /// when an option is out of range, or when a file cannot be used.
  explicit EnvironmentMaker(std::string_view id, const EnvironmentOptions& options = {});

  /// Seeded with 0 and not yet reset.
  std::unique_ptr<Environment> operator()(EnvironmentUse use) const { return make_(use); }

 private:
  Make make_;
};

/// A single environment for training, as EnvironmentMaker makes it.
std::unique_ptr<Environment> MakeEnvironment(std::string_view id,
                                             const EnvironmentOptions& options = {});

/// Everything that MakeEnvironment makes, in the order in which lists show it.
std::vector<EnvironmentInfo> BuiltInEnvironments();

/// False also for an unknown environment.
bool EnvironmentHasOption(std::string_view id, std::string_view name);

}  // namespace stillhouse::actors
