#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stillhouse::actors {

struct WorkerOptions {
  std::vector<std::string> addresses;  ///< "host:port" of the shards that it writes to
  std::string token;
  /// Among the workers of the job; nullopt-like -1: joined from outside, takes a random one.
  std::int64_t index = -1;
  std::int32_t envs = 0;      ///< 0: as the configuration says
  std::int64_t host_pid = 0;  ///< the parent that started it; 0: nobody's child
  bool beats = false;         ///< descriptor 3 is a pipe to a parent that wants signs of life
};

/// Why a worker ended in order.
enum class WorkerEnd : std::uint8_t {
  kRunOver,  ///< its shards said so
  kAsked,    ///< SIGTERM
};

/// A worker process: connects to its shards and plays until the run ends. Works in this thread
/// alone, sleeps in the event loop when there is nothing to do. Logs to standard error.
///
/// With beats it writes a byte to its parent every second for as long as its loop turns, whatever
/// it waits for. With a host_pid it dies with its parent. Ignores SIGUSR1 and SIGUSR2 (they are for
/// ranks). On SIGTERM it stops playing, gives its shards a second to store what they have been
/// sent, says goodbye and returns.
///
/// Throws ConfigError when a shard refuses it; CommError when no shard has answered for 10 s at the
/// start or 60 s later, when one was away for 10 minutes, or when one has forgotten it: a worker
/// that lives on after that could store a chunk twice (replay/departed_workers.h).
WorkerEnd RunWorker(const WorkerOptions& options);

}  // namespace stillhouse::actors
