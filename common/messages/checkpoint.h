#pragma once

#include <cstdint>
#include <vector>

#include "common/messages/envelope.h"

namespace stillhouse {

/// Coordinator -> learner, student hosts, shards that keep a log: hand out what it takes to go on
/// from here.
struct CheckpointRequest {
  static constexpr MessageKind kKind = MessageKind::kCheckpointRequest;
  std::uint64_t id = 0;
  std::size_t SizeHint() const { return 8; }
  void Encode(ByteWriter& out) const { out.Put(id); }
  static CheckpointRequest Decode(ByteReader& in) { return {in.Get<std::uint64_t>()}; }
};

/// One model's share of a checkpoint. The bytes are its role's alone to understand
/// (learner/protocol/checkpoint_state.h).
struct ModelPart {
  std::uint16_t model = 0;  ///< 0 the teacher, 1.. the students
  std::vector<std::uint8_t> bytes;
};

/// Learner, student host -> coordinator, in answer.
struct CheckpointPart {
  static constexpr MessageKind kKind = MessageKind::kCheckpointPart;
  std::uint64_t id = 0;
  std::uint64_t updates = 0;  ///< of the learner: teacher updates; of a student host: its updates
  std::uint64_t samples = 0;  ///< of the learner: rows that its updates have consumed
  std::vector<ModelPart> models;
  std::size_t SizeHint() const;
  void Encode(ByteWriter& out) const;
  static CheckpointPart Decode(ByteReader& in);
};

/// Shard -> coordinator, in answer. The bytes are the shard's to understand
/// (replay/log/priority_snapshot.h); its items themselves are in its log.
struct ShardPart {
  static constexpr MessageKind kKind = MessageKind::kShardPart;
  std::uint64_t id = 0;
  std::vector<std::uint8_t> bytes;
  std::size_t SizeHint() const { return 12 + bytes.size(); }
  void Encode(ByteWriter& out) const;
  static ShardPart Decode(ByteReader& in);
};

/// Coordinator -> learner, student hosts of a resumed run, before anything else: start from these.
/// A model without a part starts fresh.
struct Restore {
  static constexpr MessageKind kKind = MessageKind::kRestore;
  std::vector<ModelPart> models;
  std::size_t SizeHint() const;
  void Encode(ByteWriter& out) const;
  static Restore Decode(ByteReader& in);
};

}  // namespace stillhouse
