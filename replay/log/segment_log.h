#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>

#include "replay/log/log_device.h"
#include "replay/log/segment_format.h"

namespace stillhouse::replay {

/// A segment that is on the disk.
struct LiveSegment {
  std::uint64_t number = 0;
  ItemHandle first_handle = 0;
};

/// Where a log goes on: what recovery found, or nothing.
struct LogStart {
  std::deque<LiveSegment> segments;  ///< oldest first
  std::uint64_t next_segment = 1;
  std::uint64_t next_snapshot = 1;      ///< number of the next file of priorities
  std::deque<std::string> snapshots{};  ///< such files, oldest first
};

struct SegmentLogSettings {
  std::uint16_t shard = 0;
  std::uint32_t n_step = 1;
  EnvironmentSpec environment;
  /// A segment is closed when it has so many of either: a small share of the store, so that the
  /// disk holds little more than what the store holds.
  std::uint64_t segment_bytes = std::uint64_t{64} << 20U;
  std::uint64_t segment_items = std::uint64_t{1} << 20U;
  std::size_t snapshots_kept = 4;
  /// A snapshot is on the disk before it counts. Without: when the machine loses power it may be
  /// damaged, and the store then goes on with its initial priorities.
  bool sync_snapshots = false;
};

/// A shard's log as it is written: chunks go into segments, old segments and old files of
/// priorities go away. Decides, and leaves the doing to a device. Never waits.
class SegmentLog {
 public:
  /// `device` is borrowed.
  SegmentLog(SegmentLogSettings settings, LogDevice& device, LogStart start);

  /// A chunk of `items` items, the first of which has this handle. `sequences` is asked when a
  /// segment begins, before this chunk counts. Returns the position at which it is durable.
  LogPosition Append(ItemHandle first, std::uint32_t items, std::span<const std::uint8_t> chunk,
                     const std::function<WorkerSequences()>& sequences);

  /// Priorities of items that have just been appended, beside them in the same segment.
  void AppendPriorities(ItemHandle first, double alpha, std::span<const double> priorities);

  /// The position that has been reached.
  LogPosition Done() { return device_.Done(); }
  /// Throws StorageError once the disk has refused.
  void ThrowIfFailed();
  /// The position of everything so far.
  LogPosition Submitted() const { return submitted_; }

  /// Nothing below `tail` is needed any more: segments wholly below it are removed.
  void Retire(ItemHandle tail);
  /// Keeps what is not below `floor`, whatever Retire is told, from now on.
  void KeepFrom(ItemHandle floor) { floor_ = floor; }

  /// A file beside the segments, written in pieces under a name of its own and renamed at the end;
  /// the oldest ones beyond `snapshots_kept` are removed then.
  std::string BeginSnapshot();
  void AppendSnapshot(const std::string& name, std::vector<std::uint8_t> bytes);
  LogPosition FinishSnapshot(const std::string& name);

  /// The segment that is written to now; 0: none yet.
  std::uint64_t Newest() const { return segments_.empty() ? 0 : segments_.back().number; }
  std::size_t Segments() const { return segments_.size(); }

 private:
  void Roll(ItemHandle first, const WorkerSequences& sequences);
  LogPosition Submit(StorageOperation operation);

  SegmentLogSettings settings_;
  LogDevice& device_;
  std::deque<LiveSegment> segments_;
  std::uint64_t next_segment_;
  std::uint64_t next_snapshot_;
  std::deque<std::string> snapshots_;
  ItemHandle floor_ = std::numeric_limits<ItemHandle>::max();
  bool open_ = false;  ///< the newest segment is ours and takes more
  std::uint64_t bytes_ = 0;
  std::uint64_t items_ = 0;
  LogPosition submitted_ = 0;
};

/// "0000000003.pri"
std::string SnapshotName(std::uint64_t number);
std::optional<std::uint64_t> SnapshotNumber(const std::string& name);
/// What a file is called while it is being written.
inline constexpr const char* kUnfinishedSuffix = ".tmp";

}  // namespace stillhouse::replay
