#pragma once

#include <string>
#include <vector>

namespace stillhouse::cli {

struct TrainOptions {
  std::string config_path;
  std::vector<std::string> overrides;  ///< --set key.path=value
  std::string run_dir;                 ///< empty: <run.dir>/<run.name>
  std::string resume = "never";        ///< never | auto | a run's directory or a checkpoint's
  std::string role;                    ///< what this rank plays; empty: the configuration decides
  bool quiet = false;
  bool verbose = false;
  bool token_was_argument = false;  ///< a --set carried run.token; `ps` has shown it
};

/// `stillhouse train`: the main job, on every rank of mpirun or alone. Returns the exit status;
/// throws what ends the process with 1 or 2 (docs/operations.md).
/// `stillhouse distill` is the same with a teacher that has learnt already.
int RunTrain(const TrainOptions& options, int argc, char** argv);

}  // namespace stillhouse::cli
