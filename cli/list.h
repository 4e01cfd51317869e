#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "common/config/config_load.h"

namespace stillhouse::cli {

/// What configurations are checked against: every environment that is built in.
std::vector<EnvironmentChoice> EnvironmentChoices();

/// `stillhouse list envs|networks|losses|algorithms [--json]`: what is built in, each with its
/// options and defaults. JSON: an array of {name, kind, description, options: [{name, values,
/// default, description}]}. Throws ConfigError for another `what`. Returns the exit status.
int RunList(const std::string& what, bool json, std::ostream& out);

}  // namespace stillhouse::cli
