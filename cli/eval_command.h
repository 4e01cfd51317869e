#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace stillhouse::cli {

struct EvalOptions {
  std::vector<std::string> models;  ///< as ReadStoredModel takes them; the first is the reference
  std::string environment = {};     ///< empty: the one of the first model's run
  std::uint32_t episodes = 100;
  std::uint64_t seed = 1;  ///< the list of seeds comes from it; no run plays any of them
  double epsilon = 0;
  std::uint32_t max_steps = 0;   ///< 0: as the run's configuration says, 10 000 without one
  std::string weights = "last";  ///< last | average: of a teacher whose run is not over
  std::uint32_t threads = 0;     ///< 0: one a core
  bool json = false;
  std::uint32_t disagreements = 0;  ///< so many of the worst states of each model; 0: no report
  std::uint32_t tree = 0;  ///< depth of the tree that the first model is distilled into; 0: none
};

/// `stillhouse eval`: plays episodes with stored models on native inference and prints their
/// statistics; of several models, each against the first on the same seeds. 0. Throws ConfigError
/// for a model that cannot be read and for one that does not fit the environment.
int RunEval(const EvalOptions& options, std::ostream& out);

}  // namespace stillhouse::cli
