#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "actors/ack_ledger.h"
#include "actors/actor.h"
#include "common/base/clock.h"
#include "common/base/tensor_spec.h"
#include "replay/chunk.h"
#include "replay/chunk_intake.h"

namespace stillhouse::actors {

/// Chunks on their way to the shards: numbers them, spreads them by fill, holds each until its
/// shard has acknowledged it and sends it again, to the same shard, on every new connection.
///
/// A chunk gets its shard and its sequence when it is first sent; from then on it can go nowhere
/// else, or it might be stored twice.
class ExperienceSender {
 public:
  /// Unacknowledged chunks, of all slots together. While shards acknowledge promptly there may be
  /// more and more of them, so that the worker never waits for a round trip; when they do not (the
  /// rate limiter holds them, most often) few, for what waits there grows old. A slot that has none
  /// may always be sent one: its shard may have room when the others have none, and the store must
  /// fill. Slots whose shard has said nothing for a while (they say how full they are ten times a
  /// second) do not count, and have one at most: a shard that hangs holds up nobody else. Never
  /// more than a shard parks before it stops reading: evaluation results use the same connection
  /// and must not stand behind a blocked chunk.
  static constexpr std::size_t kSmallWindow = 4;
  static constexpr std::size_t kLargeWindow = replay::ChunkIntake::kMostParked;
  /// An acknowledgement is prompt within kPrompt, or within twice the shortest time that one has
  /// taken (of a distant shard, or one that syncs its log) up to kLongestPrompt.
  static constexpr Time kPrompt = std::chrono::milliseconds(5);
  static constexpr Time kLongestPrompt = std::chrono::milliseconds(50);
  static constexpr Time kSilent = std::chrono::seconds(1);
  /// The window stays small beyond so many bytes in it.
  static constexpr std::size_t kManyBytes = 4U << 20U;
  static constexpr std::size_t kMaxBytes = 16U << 20U;  ///< unacknowledged, of all slots

  ExperienceSender(std::uint64_t incarnation, std::uint32_t slots);

  /// The facts of the environment, once they are known. Before any Add.
  void SetEnvironment(EnvironmentSpec spec) { spec_ = std::move(spec); }

  /// Queues a finished chunk. It waits here until the window has room.
  void Add(replay::ExperienceChunk chunk) { waiting_.push_back(std::move(chunk)); }
  /// Sends what the window allows. True: nothing is left waiting.
  bool Flush(Time now, ShardLinks& out);

  /// Throws WireError when the shard claims chunks that were never made, CommError when it has
  /// forgotten chunks that it had acknowledged: another run, or the same one started again, listens
  /// there now, and this incarnation cannot go on.
  void OnWelcome(std::uint32_t slot, std::uint64_t last_sequence, Time now, ShardLinks& out);
  void OnAck(std::uint32_t slot, const Ack& ack, Time now);
  void OnShardSize(std::uint32_t slot, std::uint64_t items, Time now);
  void OnDisconnect(std::uint32_t slot) { slots_[slot].open = false; }
  /// That shard is gone for good: what it had not acknowledged is lost with it, for it may have
  /// stored it and told nobody.
  void Abandon(std::uint32_t slot);

  /// Collection is over: everything not stored yet is forgotten.
  void Discard();

  std::size_t Unacknowledged() const;

 private:
  struct Sent {
    std::uint64_t sequence = 0;
    std::uint32_t items = 0;
    Time sent{};
    std::vector<std::uint8_t> body;
  };
  struct Slot {
    bool open = false;
    bool abandoned = false;
    Time heard{};                     ///< of its shard, last
    std::uint64_t last_sequence = 0;  ///< of the newest chunk numbered
    std::uint64_t acknowledged = 0;   ///< and of the newest that is stored
    std::uint64_t shard_size = 0;     ///< items, as the shard said last
    std::uint64_t unacknowledged_items = 0;
    std::deque<Sent> window;
  };
  Slot* Choose(Time now);
  static bool Answers(const Slot& slot, Time now) {
    return slot.open && now - slot.heard <= kSilent;
  }
  bool Full(Time now) const;
  void DropStored(Slot& slot, std::uint64_t sequence);
  void Resize(const Slot& slot, std::uint64_t sequence, Time now);

  const std::uint64_t incarnation_;
  EnvironmentSpec spec_;
  std::vector<Slot> slots_;
  std::deque<replay::ExperienceChunk> waiting_;
  std::uint64_t next_item_ = 0;
  std::size_t bytes_ = 0;
  std::size_t room_ = kSmallWindow;  ///< chunks that may be unacknowledged
  Time shortest_ = kLongestPrompt;   ///< that an acknowledgement has taken
  std::size_t last_slot_ = 0;
  AckLedger ledger_;
};

}  // namespace stillhouse::actors
