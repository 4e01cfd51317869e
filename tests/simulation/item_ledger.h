#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "common/base/tensor_spec.h"
#include "replay/item_store.h"
#include "tests/simulation/world.h"

namespace stillhouse::simulation {

/// What workers have sent and what shards hold, written down outside both. It knows items by their
/// contents (no two transitions of a job are alike: every stream of every incarnation is another),
/// so nothing that a worker or shard says about its own counts is believed.
///
/// Broken when a shard holds an item that nobody sent to it, holds one twice, or acknowledges one
/// that it does not hold. With a durable store over all lives of the job: what was acknowledged and
/// held must be in the store again, in its place; without, a new life begins with an empty ledger.
class ItemLedger {
 public:
  ItemLedger(World& world, EnvironmentSpec environment, std::uint32_t n_step, double discount,
             std::size_t shards)
      : world_(world),
        environment_(std::move(environment)),
        n_step_(n_step),
        discount_(discount),
        seen_(shards, 0),
        tails_(shards, 0),
        stored_(shards, 0) {}

  /// A worker sends a chunk to this shard, for the first time or again.
  void OnSent(std::size_t shard, std::span<const std::uint8_t> chunk);
  /// Reads what has come into the store since the last look.
  void Look(std::size_t shard, const replay::ItemStore& store);
  /// The shard acknowledges every chunk of this incarnation up to `sequence`.
  void OnAck(std::size_t shard, std::uint64_t incarnation, std::uint64_t sequence);
  /// The chunk reaches the shard. False: not for the first time.
  bool OnArrived(std::size_t shard, std::span<const std::uint8_t> chunk);
  /// The shard of a new life has its store back.
  void OnRecovered(std::size_t shard, const replay::ItemStore& store);
  /// The actor's own error of an item that somebody sent.
  std::optional<float> InitialError(const replay::TransitionView& item) const;
  /// Chunks of this worker were acknowledged and dropped, as is right after training.
  bool Dropped(std::uint64_t incarnation) const { return dropped_.contains(incarnation); }

  /// Items found in this shard's store.
  std::uint64_t Stored(std::size_t shard) const { return stored_[shard]; }
  std::uint64_t Acknowledged() const { return acknowledged_; }
  std::uint64_t Recovered() const { return recovered_; }

 private:
  struct Item {
    std::uint64_t incarnation = 0;
    std::uint64_t number = 0;  ///< the item's key is (incarnation, number)
    std::size_t shard = 0;
    float error = 0;
    int copies = 0;  ///< in the store
    bool acknowledged = false;
    ItemHandle handle = 0;  ///< while there are copies
  };
  struct Chunk {
    std::uint32_t crc = 0;
    bool arrived = false;
    std::vector<std::uint64_t> items;  ///< hashes
  };
  /// One incarnation's chunks to one shard.
  struct Stream {
    std::map<std::uint64_t, Chunk> chunks;  ///< by sequence
    std::uint64_t acknowledged = 0;
  };
  void CheckAcknowledged(std::size_t shard, const replay::ItemStore& store);
  std::uint64_t HashOf(const replay::TransitionView& item) const;

  World& world_;
  EnvironmentSpec environment_;
  std::uint32_t n_step_;
  double discount_;
  std::unordered_map<std::uint64_t, Item> items_;  ///< by the hash of their contents
  std::map<std::pair<std::size_t, std::uint64_t>, Stream> streams_;
  std::vector<std::uint64_t> seen_;   ///< [shards] inserts looked at
  std::vector<std::uint64_t> tails_;  ///< [shards] of the store at the last look
  std::vector<std::uint64_t> stored_;
  std::set<std::uint64_t> dropped_;  ///< incarnations
  std::uint64_t recovered_ = 0;      ///< items, acknowledged ones
  std::uint64_t acknowledged_ = 0;   ///< items
};

}  // namespace stillhouse::simulation
