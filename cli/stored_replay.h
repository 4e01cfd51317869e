#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/job.h"

namespace stillhouse::cli {

/// The experience that `replay.from` names, for a run that begins with it: its plan becomes that of
/// a store which is there already. Returns the folder to copy, which is not changed. Throws
/// ConfigError, naming the key, when there is none, an empty one, or one of another environment,
/// n-step or number of shards.
std::filesystem::path PlanStoredReplay(const Job& job, StorePlan& plan);

/// Copies it to where the run's shards look for it; all of it is there or nothing. A line for the
/// log. Throws StorageError.
std::string CopyStoredReplay(const std::filesystem::path& from, const StorePlan& plan,
                             const Job& job);

}  // namespace stillhouse::cli
