#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/run_config.h"

namespace stillhouse {

/// An environment that is built in, as the layer above knows it.
struct EnvironmentChoice {
  std::string id;                    ///< "minatar/breakout"
  std::vector<std::string> options;  ///< keys allowed under `env.options`
  std::int64_t num_actions = 0;      ///< 0: not known
};

struct LoadOptions {
  std::vector<std::string> overrides;  ///< "key.path=value", applied in order, last wins
  /// What `env.id` and the keys of `env.options` are checked against. Empty: any id of the
  /// families minatar/, classic/ and box2d/ passes, and options belong to minatar/.
  std::vector<EnvironmentChoice> environments;
};

/// Reads, merges (`include:`), overrides and checks a configuration file.
///
/// Throws one ConfigError whose text lists every problem, one a line:
/// `config.yaml:12: replay.alfa: unknown key; did you mean 'alpha'?`, or
/// `--set replay.alfa=1: unknown key; ...`. A missing file and broken YAML are ConfigErrors too.
RunConfig LoadConfig(const std::string& path, const LoadOptions& options = {});

/// The same from memory; `name` stands for the file in messages and `include:` is relative to the
/// working directory. PrintConfig's text loads back to an equal configuration.
RunConfig LoadConfigText(std::string_view text, const std::string& name,
                         const LoadOptions& options = {});

}  // namespace stillhouse
