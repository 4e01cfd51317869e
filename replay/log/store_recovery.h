#pragma once

#include <optional>

#include "replay/item_store.h"
#include "replay/log/priority_snapshot.h"
#include "replay/log/recovery.h"

namespace stillhouse::replay {

/// Fills a store (empty, with its settings) from a shard's log: every chunk, with the priorities of
/// the checkpoint `state` where that has them and the initial ones where it has not. Without a
/// single segment the store begins, empty, with item `first_handle`. See RecoverLog for damage and
/// errors; priorities that cannot be read are noted, never an error.
RecoveredLog RecoverStore(SegmentStorage& storage, const RecoverySettings& settings, double alpha,
                          const std::optional<ShardState>& state, ItemHandle first_handle,
                          ItemStore& store);

/// The file of priorities that a shard's part of a checkpoint names. Throws StorageError or
/// WireError when it is not there or not that one.
PrioritySnapshot ReadSnapshot(const SegmentStorage& storage, const ShardState& state);

}  // namespace stillhouse::replay
