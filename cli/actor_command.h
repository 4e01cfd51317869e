#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace stillhouse::cli {

struct ActorCommandOptions {
  std::string connect;       ///< RUN_DIR, or HOST:PORT[,HOST:PORT...]
  std::int32_t workers = 1;  ///< worker processes
  std::int32_t envs = 0;     ///< of each worker; 0: as the job says
  std::string token_file;    ///< empty: the run directory's, or STILLHOUSE_TOKEN
};

/// Where a job's shards listen, and the word that lets one in.
struct ActorTarget {
  std::filesystem::path run_dir;       ///< empty: the addresses were given
  std::vector<std::string> addresses;  ///< "host:port"
  std::string token;
  bool operator==(const ActorTarget&) const = default;
};

/// Reads what `options` point at. `token_variable`: the value of STILLHOUSE_TOKEN, or null.
/// The token comes from --token-file, else with a run directory from there, else from the variable.
/// Throws ConfigError for what is no address and no run directory, or without a token; StorageError
/// when a run directory, or what is in it, is not there (yet); WireError when it makes no sense.
ActorTarget ResolveActorTarget(const ActorCommandOptions& options, const char* token_variable);

/// `stillhouse actor`: joins a running job with worker processes until the run is over or SIGTERM
/// or SIGINT says to leave (a second one: at once). Needs no MPI and no configuration. Returns 0
/// when the run is over or it was told to leave, 2 when the job refuses it (said in words), 1 when
/// no shard can be reached. Throws like ResolveActorTarget.
int RunActor(const ActorCommandOptions& options);

}  // namespace stillhouse::cli
