#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stillhouse::actors {

struct WorkerOptions {
  std::vector<std::string> addresses;  ///< "host:port" of the shards, in shard order
  std::string token;
  /// Among the workers of the job; nullopt-like -1: joined from outside, takes a random one.
  std::int64_t index = -1;
  std::int32_t envs = 0;      ///< 0: as the configuration says
  std::int64_t host_pid = 0;  ///< the parent that started it; 0: nobody's child
};

/// A worker process: connects to all shards and plays until the run ends. Works in this thread
/// alone, sleeps in the event loop when there is nothing to do. Logs to standard error.
///
/// With a host_pid it dies with its parent. Ignores SIGUSR1 and SIGUSR2 (they are for ranks).
/// Returns when the run has ended. Throws ConfigError when a shard refuses it, CommError when no
/// shard has answered for 10 s at the start or 60 s later.
void RunWorker(const WorkerOptions& options);

}  // namespace stillhouse::actors
