#pragma once

#include <string>
#include <vector>

#include "cli/job.h"

namespace stillhouse::cli {

/// What the models of a fresh run begin with where the configuration says `init`.
struct InitialModels {
  std::vector<std::vector<float>> parameters;  ///< [models] empty: at random
  std::vector<std::string> notes;              ///< for the log: layers taken and layers not
};

/// Reads the models that `teacher.init` and `students.<s>.init` name (RUN_DIR is its teacher,
/// otherwise as ReadStoredModel has it) and fits them into the job's networks. Throws ConfigError,
/// naming the key, where there is no such model or none of its layers fits.
InitialModels ReadInitialModels(const Job& job);

}  // namespace stillhouse::cli
