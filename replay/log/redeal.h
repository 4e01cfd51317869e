#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/config/run_config.h"
#include "replay/log/priority_snapshot.h"
#include "replay/log/segment_storage.h"

namespace stillhouse::replay {

/// A shard whose log is dealt out.
struct OldShard {
  std::uint16_t index = 0;
  SegmentStorage* storage = nullptr;
  std::optional<ShardState> state;   ///< its part of the checkpoint that the run goes on from
  std::optional<ItemHandle> cut_at;  ///< as RecoverySettings has it
};

/// What a store was made of, and what has become of it.
struct RedealtStore {
  std::vector<ItemHandle> heads;     ///< [new shards]; they add up to what the old ones did
  std::vector<std::uint64_t> items;  ///< [new shards] held
  std::uint64_t chunks = 0;
  std::vector<std::string> notes;  ///< what was mended, lost or left out, for the log
};

/// Deals the chunks of some shards' logs out to another number of shards: oldest first, each to the
/// shard that has the fewest items. `fresh`: empty storages, one a new shard. Items keep their keys
/// and their priorities (the checkpoint's where that has them); handles are new ones. Items beyond
/// replay.capacity are left out, the oldest first.
///
/// Sequences belong to (incarnation, shard), and the shards are others now. So all incarnations
/// from before are written down as closed (kClosedSequence): nothing more is taken from them.
///
/// The old logs are recovered first (RecoverLog) and otherwise stay as they are.
/// Everything new is on the disk when this returns. In memory: one
/// segment of each old shard, 4 bytes a chunk, 8 an item where a checkpoint has its priorities.
/// Throws StorageError.
RedealtStore Redeal(const std::vector<OldShard>& old, const std::vector<SegmentStorage*>& fresh,
                    const RunConfig& config, const EnvironmentSpec& environment);

}  // namespace stillhouse::replay
