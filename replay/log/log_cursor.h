#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replay/log/segment_log.h"
#include "replay/log/segment_storage.h"

namespace stillhouse::replay {

/// Priorities of consecutive items, raised to `alpha`.
struct RaisedPriorities {
  double alpha = 0;
  std::vector<double> values;
};

/// Goes through the chunks of a log that RecoverLog has made sound, oldest first, with one segment
/// in memory at a time.
class LogCursor {
 public:
  /// `storage` is borrowed. `begin`: the first item that counts.
  LogCursor(const SegmentStorage& storage, std::deque<LiveSegment> segments, ItemHandle begin);

  /// A chunk, borrowed until the next call, with the priorities that stand beside it.
  struct Entry {
    ItemHandle first = 0;
    std::span<const std::uint8_t> chunk;
    std::optional<RaisedPriorities> priorities;
  };
  /// nullopt at the end. Throws StorageError when the log is not what it was when it was recovered.
  std::optional<Entry> Next();

 private:
  /// The next record of any kind; nullopt at the end.
  std::optional<RecordView> Read();

  const SegmentStorage& storage_;
  std::deque<LiveSegment> segments_;  ///< not opened yet
  ItemHandle begin_;
  std::string name_;
  std::vector<std::uint8_t> bytes_;
  std::optional<SegmentReader> reader_;
  std::optional<RecordView> ahead_;  ///< read already, of the segment in memory
};

/// Throws WireError.
RaisedPriorities DecodePriorities(std::span<const std::uint8_t> body);

}  // namespace stillhouse::replay
