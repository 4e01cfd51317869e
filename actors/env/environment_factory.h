#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/env/environment.h"

namespace stillhouse::actors {

/// `env.options`. An environment looks only at those that it lists in its EnvironmentInfo.
struct EnvironmentOptions {
  double sticky_action_prob = 0.1;  ///< [0, 1]
  bool difficulty_ramping = true;
};

struct EnvironmentOptionInfo {
  std::string name;
  std::string default_value;  ///< as in a configuration file
  std::string description;
};

struct EnvironmentInfo {
  std::string id;
  std::string description;  ///< one line
  std::vector<EnvironmentOptionInfo> options;
};

/// A new environment, seeded with 0 and not yet reset. Throws ConfigError when the id is unknown
/// or not supported yet, naming the ids that exist, or when an option is out of range.
std::unique_ptr<Environment> MakeEnvironment(std::string_view id,
                                             const EnvironmentOptions& options = {});

/// Everything that MakeEnvironment makes, in the order in which lists show it.
std::vector<EnvironmentInfo> BuiltInEnvironments();

/// False also for an unknown environment.
bool EnvironmentHasOption(std::string_view id, std::string_view name);

}  // namespace stillhouse::actors
