#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/actor_host.h"
#include "common/base/tensor_spec.h"
#include "common/config/run_config.h"

namespace stillhouse::actors {

/// The environment variable in which people hand the job's token to `stillhouse actor` and to a
/// worker that they start themselves (never in arguments, which everybody on the machine can read).
/// The programs wipe it at once; workers of a host get the token through a pipe.
inline constexpr const char* kTokenVariable = "STILLHOUSE_TOKEN";

/// The descriptor into which a worker that was told so writes a byte now and then: it lives.
inline constexpr int kBeatDescriptor = 3;

/// `stillhouse-worker` in the folder of the running program.
std::string DefaultWorkerProgram();

/// Starts real worker processes: posix_spawn with a clean environment (nothing of Open MPI, PMIx
/// or Slurm), default signals, no inherited descriptor but standard error. Workers watch for this
/// process's death by themselves. Used from one thread, which lives as long as the workers.
class WorkerLauncher final : public ProcessLauncher {
 public:
  /// envs: of each worker; 0: as the configuration says.
  explicit WorkerLauncher(std::string program = DefaultWorkerProgram(), std::int32_t envs = 0);
  /// Kills and collects what is left.
  ~WorkerLauncher() override;

  std::int64_t Start(const WorkerLaunch& launch) override;
  std::vector<Exit> Poll() override;
  std::optional<std::vector<std::int64_t>> TakeBeats() override;
  void Stop(std::int64_t pid, bool at_once) override;

 private:
  const std::string program_;
  const std::int32_t envs_;
  std::vector<std::int64_t> pids_;
  std::map<std::int64_t, int> beats_;  ///< pid -> our end of the pipe that it beats into
};

/// The facts of an environment from a short-lived worker process, so that the caller loads
/// nothing of it. Waits (some 20 ms). Throws ConfigError with the worker's words when it refuses
/// the id, CommError when it cannot be run.
EnvironmentSpec DescribeEnvironment(const EnvironmentSettings& settings,
                                    const std::string& program = DefaultWorkerProgram());

}  // namespace stillhouse::actors
