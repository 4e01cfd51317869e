#pragma once

#include <string>

#include "common/config/field.h"
#include "common/config/run_config.h"

namespace stillhouse {

/// The distillation graph as written: names that exist, each once; every model with something to
/// learn from, and no cycle that learns from nobody outside it; no key without a meaning. `file`
/// stands where nothing was set.
void CheckGraph(const RunConfig& config, const std::string& file, FieldContext& context);

}  // namespace stillhouse
