#pragma once

#include <cstdint>
#include <vector>

#include "common/messages/envelope.h"

namespace stillhouse {

/// Handle of an item within its shard: the shard's running insertion number. It names the
/// occupant, not the slot, so it is slot and generation in one: a handle whose item has been
/// evicted matches nothing.
using ItemHandle = std::uint64_t;

/// What a shard says of its store whenever it speaks.
struct ShardTotals {
  double mass = 0;             ///< sum of priorities (already raised to alpha)
  double min_priority = 0;     ///< least positive priority; 0 when empty
  std::uint64_t size = 0;      ///< items held
  std::uint64_t inserted = 0;  ///< items ever stored
  void Encode(ByteWriter& out) const;
  static ShardTotals Decode(ByteReader& in);
};

/// Learner -> shard: draw these. Offsets are points on the shard's cumulative priority mass,
/// which the learner believes to be `assumed_mass` in all; a shard whose mass is another by now
/// scales them.
struct SampleRequest {
  static constexpr MessageKind kKind = MessageKind::kSampleRequest;
  std::uint64_t request = 0;
  double assumed_mass = 0;
  std::vector<double> offsets;  ///< [n], in [0, assumed_mass)
  std::size_t SizeHint() const { return 32 + offsets.size() * 8; }
  void Encode(ByteWriter& out) const;
  static SampleRequest Decode(ByteReader& in);
};

/// Shard -> learner: the drawn items as a structure of arrays, all [n] in request order.
/// `observation` and `next_observation` are packed, n x PackedBytes.
struct SampleReply {
  static constexpr MessageKind kKind = MessageKind::kSampleReply;
  std::uint64_t request = 0;
  ShardTotals totals;  ///< at the time of drawing
  std::vector<ItemHandle> handles;
  std::vector<double> priorities;  ///< p_i; drawn with probability p_i / totals.mass
  std::vector<std::int32_t> actions;
  std::vector<float> rewards;    ///< n-step sums
  std::vector<float> discounts;  ///< gamma^m, 0 after termination
  std::vector<std::uint8_t> observations;
  std::vector<std::uint8_t> next_observations;
  std::size_t SizeHint() const {
    return 96 + handles.size() * 28 + observations.size() + next_observations.size();
  }
  void Encode(ByteWriter& out) const;
  static SampleReply Decode(ByteReader& in);
};

/// Learner -> shard: new |TD error|s. Handles no longer held are skipped.
struct PriorityUpdate {
  static constexpr MessageKind kKind = MessageKind::kPriorityUpdate;
  std::vector<ItemHandle> handles;
  std::vector<float> td_errors;  ///< absolute
  std::size_t SizeHint() const { return 16 + handles.size() * 12; }
  void Encode(ByteWriter& out) const;
  static PriorityUpdate Decode(ByteReader& in);
};

}  // namespace stillhouse
