#include "replay/log/log_settings.h"

#include <algorithm>

namespace stillhouse::replay {
namespace {

/// A segment holds at most this share of the store: so much more than the store the disk holds.
constexpr std::uint64_t kSegmentsOfStore = 16;
constexpr std::uint64_t kLeastSegmentItems = 1024;

}  // namespace

SegmentLogSettings LogSettingsOf(const RunConfig& config, std::uint16_t shard, std::uint16_t shards,
                                 const EnvironmentSpec& environment) {
  SegmentLogSettings log;
  log.shard = shard;
  log.n_step = static_cast<std::uint32_t>(config.replay.n_step);
  log.environment = environment;
  const auto capacity = static_cast<std::uint64_t>(config.replay.capacity) / shards;
  log.segment_items = std::max(kLeastSegmentItems, capacity / kSegmentsOfStore);
  // One more than there are checkpoints: the newest may still be under way.
  log.snapshots_kept = static_cast<std::size_t>(config.checkpoint.keep) + 1;
  log.sync_snapshots = config.replay.durability == Durability::kSync;
  return log;
}

}  // namespace stillhouse::replay
