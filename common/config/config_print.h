#pragma once

#include <string>

#include "common/config/run_config.h"

namespace stillhouse {

/// The resolved configuration as YAML: every key with its value. LoadConfigText of it gives an
/// equal configuration. Holds `run.token` when one is set.
std::string PrintConfig(const RunConfig& config);

/// docs/configuration.md, generated from the field list.
std::string DocumentConfig();

}  // namespace stillhouse
