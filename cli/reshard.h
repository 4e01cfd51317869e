#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/job.h"

namespace stillhouse::cli {

/// The shards whose stored logs have to be dealt out before the job can go on with them, because
/// there were more of them or fewer; empty: none. `folder` is where the store stands, `parts` are
/// those of the checkpoint that speak of this store. Throws ConfigError when a shard's log is not
/// to be seen from here.
std::vector<std::uint16_t> ShardsToDealOut(const std::filesystem::path& folder, const Job& job,
                                           const StorePlan& plan);

/// Deals the store out to the job's shards (docs/decisions/0008-dealing-a-store-out.md): afterwards
/// the plan is that of the new one. Lines for the log. Throws StorageError; the old store is whole
/// then.
std::vector<std::string> DealOut(StorePlan& plan, const Job& job, std::uint32_t attempt);

}  // namespace stillhouse::cli
