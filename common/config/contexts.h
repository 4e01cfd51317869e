#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/config/field.h"
#include "common/config/run_config.h"

namespace stillhouse {

// Contexts: the tasks of an environment that has several (common/base/context.h), by the names that
// `where` gives them.

/// The environment of this id has contexts.
bool PlaysSeveralGames(std::string_view id);

/// Those that the configured environment plays; empty: it has none.
std::vector<std::string> ContextNames(const EnvironmentSettings& env);

/// Reports every `where` that names none of them, or that stands beside what knows no rows, and
/// games to evaluate that are not played.
void CheckContexts(const RunConfig& config, const std::string& file, FieldContext& context);

}  // namespace stillhouse
