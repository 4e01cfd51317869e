#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/config/run_config.h"

namespace stillhouse {

/// Two students of one run that differ by one source alone: what the greater one returns more is
/// what that source contributes.
struct Ablation {
  std::size_t student = 0;  ///< place in the configuration
  std::size_t without = 0;  ///< of the student that learns from all but the source
  std::string source;
  bool operator==(const Ablation&) const = default;
};

/// All pairs whose settings are the same but for their names and one entry of `from`, the others
/// in the same proportions. A student that learns from rewards is the ablation of one that learns
/// from a source too.
std::vector<Ablation> FindAblations(const std::vector<StudentSettings>& students);

}  // namespace stillhouse
