#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "common/base/byte_io.h"
#include "common/base/tensor_spec.h"
#include "common/config/run_config.h"
#include "common/run/coordinator_state.h"

namespace stillhouse::cli {

/// What every shard must know of the store that it goes on with; of no meaning with
/// replay.durability none.
struct StorePlan {
  std::string folder;  ///< absolute; holds shard-<k>/
  bool fresh = true;   ///< nothing may be there
  /// Of the checkpoint that the run goes on from: the shards' parts, and all items ever stored.
  std::map<std::uint16_t, std::vector<std::uint8_t>> shard_parts;
  std::uint64_t inserted = 0;
  /// [shards] of a store that was dealt out since that checkpoint: items ever stored then.
  std::vector<std::uint64_t> heads;
  /// Shards of before whose logs rank 0 deals out to those of the job before they start.
  std::vector<std::uint16_t> deal_out;
  std::vector<std::uint16_t> stored;  ///< of these, those of which rank 0 sees segments

  std::filesystem::path FolderOf(std::uint16_t shard) const;
  void Encode(ByteWriter& out) const;
  static StorePlan Decode(ByteReader& in);
};

/// `replay` in the run directory, or replay.dir; absolute.
std::filesystem::path StoreFolder(const std::filesystem::path& run_dir,
                                  const ReplaySettings& replay);

/// Shards of which segments are in the folder, as far as this host sees it.
std::vector<std::uint16_t> StoredShards(const std::filesystem::path& folder);

/// Throws ConfigError when the segments there are of another environment or n-step than the job's.
void ExpectFitting(const std::filesystem::path& folder, const EnvironmentSpec& environment,
                   const ReplaySettings& replay);

}  // namespace stillhouse::cli
