#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replay/chunk.h"
#include "replay/log/segment_log.h"
#include "replay/log/segment_storage.h"

namespace stillhouse::replay {

/// Who takes what a log held, in the order in which it was written.
class RecoverySink {
 public:
  virtual ~RecoverySink() = default;
  /// What came so far is no longer connected with what follows: forget it. Also called first.
  virtual void Restart(ItemHandle first) = 0;
  /// The chunk's items have the handles from `first` on, without a gap since Restart.
  virtual void OnChunk(const ChunkView& chunk, ItemHandle first) = 0;
  virtual void OnPriorities(ItemHandle first, double alpha, std::span<const double> priorities) = 0;
};

struct RecoverySettings {
  std::uint16_t shard = 0;
  EnvironmentSpec environment;
  std::uint32_t n_step = 1;
  /// Items from this handle on are cut off and forgotten: a deterministic run goes on from the very
  /// moment of its checkpoint and makes them again.
  std::optional<ItemHandle> cut_at;
  /// With cut_at: files of priorities above this number are of a later moment and go, too.
  std::uint64_t newest_snapshot = 0;
  /// Segments wholly below this item go before anything is read.
  ItemHandle drop_below = 0;
  bool expect_empty = false;  ///< a segment that is there is another run's: an error
};

/// What a log held.
struct RecoveredLog {
  LogStart start;
  WorkerSequences sequences;
  bool empty = true;  ///< no segment was there
  ItemHandle head = 0;
  std::uint64_t items = 0;         ///< given to the sink since its last Restart
  std::vector<std::string> notes;  ///< what was mended or lost, for the log
};

/// Reads a log whole, as a crash or a clean end has left it, and makes it fit to go on:
///  - an unfinished file is removed, a torn end of the newest segment cut off: nothing of either
///    was acknowledged;
///  - a segment that is damaged otherwise is set aside (`.damaged`): what comes after the damage is
///    kept, what came before is lost, and the notes say so.
/// Throws StorageError when the disk refuses or the log is of another shard, environment or n-step,
/// with everything as it was.
RecoveredLog RecoverLog(SegmentStorage& storage, const RecoverySettings& settings,
                        RecoverySink& sink);

/// Why the segments there cannot be taken by a job with these settings; empty: they can, or there
/// are none. Reads the header of the newest segment that has one.
std::string WhyUnfit(const SegmentStorage& storage, const RecoverySettings& settings);

}  // namespace stillhouse::replay
