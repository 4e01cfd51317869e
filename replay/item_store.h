#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/messages/sampling.h"
#include "replay/chunk.h"
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
/// Memory an item: its share of the chunk (without the TD errors), 8.5 bytes of tree, 4 of slot
/// index and about 2 of table and allocator.
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
  /// the cache misses of a group overlapped.
  void Collect(std::span<const std::size_t> slots, SampleReply& reply) const;

  /// Handles no longer held are skipped. Throws WireError on an error that is not finite.
  void UpdatePriorities(const PriorityUpdate& update);

  ShardTotals Totals() const;
  std::uint64_t Size() const { return head_ - tail_; }
  std::uint64_t Inserted() const { return head_; }
  /// Everything: chunks with their allocator's share, tree and tables.
  std::uint64_t MemoryBytes() const;

  /// Priorities by slot.
  const SumTree& Tree() const { return tree_; }
  /// The transition of a handle that is held (SH_CHECK).
  TransitionView At(ItemHandle handle) const;

 private:
  struct Stored {
    std::unique_ptr<std::uint8_t[]> bytes;
    ItemHandle first = 0;
    std::uint32_t items = 0;
    std::uint32_t steps = 0;
    std::uint32_t finals = 0;
  };

  std::size_t Slot(ItemHandle handle) const { return handle % settings_.capacity; }
  ItemHandle HandleAt(std::size_t slot) const;
  const Stored& ChunkAt(std::size_t slot) const {
    return chunks_[chunk_of_slot_[slot] & (chunks_.size() - 1)];
  }
  ChunkShape ShapeOf(const Stored& chunk) const;
  /// Calls action(first slot, count, offset) for the one or two runs of slots of a chunk.
  template <typename Action>
  void ForSlots(ItemHandle first, std::uint32_t items, Action&& action) const;
  void EvictOldest();
  void GrowTable();
  void Prefetch(std::span<const std::size_t> slots) const;
  void Gather(std::span<const std::size_t> slots, SampleReply& reply) const;

  ItemStoreSettings settings_;
  SumTree tree_;
  std::uint32_t packed_bytes_ = 0;  ///< of the chunks here, all alike
  std::uint32_t action_bytes_ = 0;
  std::vector<std::uint32_t> chunk_of_slot_;  ///< [capacity] low bits of the chunk's number
  std::vector<Stored> chunks_;                ///< ring, a power of two; [number % size]
  std::uint64_t first_chunk_ = 0;             ///< numbers of the chunks held
  std::uint64_t next_chunk_ = 0;
  ItemHandle tail_ = 0;
  ItemHandle head_ = 0;
  std::uint64_t chunk_bytes_ = 0;
  std::vector<double> priorities_;  ///< scratch of Insert
};

}  // namespace stillhouse::replay
