#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/messages/sampling.h"
#include "replay/chunk.h"
#include "replay/chunk_arena.h"
#include "replay/sum_tree.h"

namespace stillhouse::replay {

/// What an item store must know.
struct ItemStoreSettings {
  std::size_t capacity = 0;  ///< items
  std::uint32_t n_step = 1;
  double discount = 0.99;
  double alpha = 0.6;
  double priority_epsilon = 1e-6;
  bool track_min = false;  ///< keep ShardTotals::min_priority; 0 otherwise
};

/// The items of one shard: chunks as they came, oldest out first, and a sum tree over their
/// priorities. No messages, no clock. Single-threaded.
///
///   handle   0 ...... tail .................... head      running insertion number
///                      [ chunk ][ chunk ] ... [ chunk ]   whole chunks are evicted
///   slot = handle % capacity: its place in the sum tree
///
/// Memory an item: its share of the chunk (without the TD errors), 8.5 bytes of tree, and about 2
/// of tables. Finding an item's chunk: the chunk of the first slot of its block of
/// kBlock slots is written down, from there it is a few steps.
class ItemStore {
 public:
  explicit ItemStore(const ItemStoreSettings& settings);

  /// Copies the chunk, evicting what must go. Throws WireError when it could never fit.
  /// O(items + log capacity).
  void Insert(const ChunkView& chunk);

  /// Draws at the request's offsets, scaled when the mass is another than assumed, and copies the
  /// transitions in request order. No rows when the store has no mass. Throws WireError on an
  /// offset that is negative or not finite.
  SampleReply Sample(const SampleRequest& request) const;

  /// Appends the transitions in these slots (all held) to the arrays of `reply`, in order, with
  /// the cache misses of a group overlapped. All but the priorities, which whoever found the slots
  /// has just read.
  void Collect(std::span<const std::size_t> slots, SampleReply& reply) const;

  /// Handles no longer held are skipped. Throws WireError on an error that is not finite.
  void UpdatePriorities(const PriorityUpdate& update);

  /// Forgets everything; the next item gets this handle. What a recovered log begins with.
  void Restart(ItemHandle first);
  /// p^alpha of the items from `first` on; of those that are not held the entry is left as it is.
  void ReadPriorities(ItemHandle first, std::span<double> priorities) const;
  /// Sets p^alpha of the items from `first` on that are held; others, and zeros, are skipped.
  void SetPriorities(ItemHandle first, std::span<const double> priorities);

  ShardTotals Totals() const;
  ItemHandle Tail() const { return tail_; }  ///< of the oldest item held
  std::uint64_t Size() const { return head_ - tail_; }
  std::uint64_t Inserted() const { return head_; }
  /// Everything: chunks, tree and tables.
  std::uint64_t MemoryBytes() const;

  /// Priorities by slot.
  const SumTree& Tree() const { return tree_; }
  /// The transition of a handle that is held (SH_CHECK).
  TransitionView At(ItemHandle handle) const;

 private:
  struct Stored {
    const std::uint8_t* bytes = nullptr;  ///< in the arena
    ItemHandle first = 0;
    std::uint32_t items = 0;
    std::uint32_t steps = 0;
    std::uint32_t finals = 0;
  };

  /// Where an item is.
  struct Place {
    const std::uint8_t* bytes = nullptr;  ///< of its chunk
    ItemHandle handle = 0;
    std::uint32_t item = 0;  ///< within the chunk
    ChunkShape shape;
  };
  static constexpr std::size_t kBlock = 16;

  std::size_t Slot(ItemHandle handle) const { return handle % settings_.capacity; }
  ItemHandle HandleAt(std::size_t slot) const {
    return slot < head_slot_ ? head_ - head_slot_ + slot
                             : head_ - head_slot_ - settings_.capacity + slot;
  }
  const Stored& Chunk(std::uint64_t number) const { return chunks_[number & (chunks_.size() - 1)]; }
  /// Number of a chunk at or a little before the one that holds this slot.
  std::uint64_t ChunkBefore(std::size_t slot) const;
  Place PlaceOf(ItemHandle handle) const;
  ChunkShape ShapeOf(const Stored& chunk) const;
  /// Calls action(first slot, count, offset) for the one or two runs of slots of a chunk.
  template <typename Action>
  void ForSlots(ItemHandle first, std::uint32_t items, Action&& action) const;
  void EvictOldest();
  void GrowTable();
  void Prefetch(const Place& place) const;
  void Gather(std::span<const Place> places, SampleReply& reply) const;

  ItemStoreSettings settings_;
  SumTree tree_;
  std::uint32_t packed_bytes_ = 0;  ///< of the chunks here, all alike
  std::uint32_t action_bytes_ = 0;
  std::vector<std::uint32_t> chunk_of_block_;  ///< low bits of the number of its first slot's chunk
  std::vector<Stored> chunks_;                 ///< ring, a power of two; [number % size]
  std::uint64_t first_chunk_ = 0;              ///< numbers of the chunks held
  std::uint64_t next_chunk_ = 0;
  ItemHandle tail_ = 0;
  ItemHandle head_ = 0;
  std::size_t head_slot_ = 0;  ///< Slot(head_)
  ChunkArena arena_;
  std::vector<double> priorities_;  ///< scratch of Insert
};

}  // namespace stillhouse::replay
