#pragma once

#include <string>

#include "common/export/exported_model.h"

namespace stillhouse {

/// A C99 program around <name>.c, for a check on any machine that has files:
///   <name>_check OBSERVATIONS Q
/// reads float32 observations one after the other, writes the Q-values of each, and prints how many
/// microseconds one forward pass takes.
std::string WriteCHarness(const ExportedModel& model);

}  // namespace stillhouse
