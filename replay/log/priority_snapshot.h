#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replay/item_store.h"
#include "replay/log/segment_log.h"

namespace stillhouse::replay {

/// A shard's own part of a checkpoint: where its store stood, and which file beside its segments
/// holds the priorities of that moment. priority_snapshot.cc opens with the formats.
struct ShardState {
  std::uint16_t shard = 0;
  ItemHandle head = 0;  ///< items ever inserted
  ItemHandle tail = 0;  ///< the oldest one held
  std::string file;     ///< of priorities
  std::uint64_t file_bytes = 0;
  std::uint32_t file_crc = 0;

  std::vector<std::uint8_t> Encode() const;
  /// Throws WireError.
  static ShardState Decode(std::span<const std::uint8_t> bytes);
};

/// Writes the priorities of a store into a file of its log, a slice at a time, while inserts and
/// updates go on: an item's priority is that of the moment in which its slice is read.
class PriorityWriter {
 public:
  /// `log` is borrowed.
  PriorityWriter(std::uint16_t shard, const ItemStore& store, double alpha, SegmentLog& log);

  /// Reads the next slice. True when all have been handed over; State is complete then.
  bool Step(const ItemStore& store);
  /// When the log is Done with this position, the file is on the disk.
  LogPosition Position() const { return position_; }
  const ShardState& State() const { return state_; }

 private:
  void Hand(std::vector<std::uint8_t> bytes);

  SegmentLog& log_;
  ShardState state_;
  ItemHandle next_;
  std::uint64_t slice_;  ///< items
  std::uint32_t crc_ = 0;
  LogPosition position_ = 0;
};

/// What such a file holds.
struct PrioritySnapshot {
  double alpha = 0;  ///< to which the priorities are raised
  ItemHandle first = 0;
  std::vector<double> priorities;
  /// Throws WireError.
  static PrioritySnapshot Decode(std::span<const std::uint8_t> bytes, const std::string& what);
};

/// Priorities raised to one exponent as they are with another; nothing when that cannot be known.
std::optional<double> WithExponent(double priority, double from_alpha, double to_alpha);

}  // namespace stillhouse::replay
