#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/config/run_config.h"
#include "common/messages/sampling.h"
#include "replay/item_store.h"
#include "replay/log/priority_snapshot.h"
#include "tests/simulation/item_ledger.h"
#include "tests/simulation/world.h"

namespace stillhouse::simulation {

/// Which item has which priority, written down outside the shards. The teacher's error of an item
/// is a function of its contents (sim_compute.h), so an update that hits another item than the one
/// that was learnt from is seen, and so is a priority that comes back to another after a resume.
class PriorityLedger {
 public:
  PriorityLedger(World& world, const ItemLedger& items, const RunConfig& config,
                 std::size_t packed_bytes)
      : world_(world),
        items_(items),
        alpha_(config.replay.alpha),
        epsilon_(config.replay.priority_epsilon),
        packed_bytes_(packed_bytes),
        shards_(static_cast<std::size_t>(config.replay.shards)) {}

  /// The shard has dealt with the update.
  void OnUpdate(std::size_t shard, const PriorityUpdate& update, const replay::ItemStore& store);
  /// A checkpoint asks the shard: what has been updated by now must be in its part.
  void OnCheckpointRequest(std::size_t shard);
  void OnPart(std::size_t shard, const replay::ShardState& state);
  /// A new life goes on from a checkpoint with these parts of the shards, or from none.
  void Expect(const std::map<std::uint16_t, std::vector<std::uint8_t>>& parts);
  /// The shard has recovered its store.
  void OnRecovered(std::size_t shard, const replay::ItemStore& store);

  std::uint64_t Restored() const { return restored_; }

 private:
  /// [handle] true: the teacher's error has been written into the item's priority.
  using Updated = std::vector<bool>;
  struct Shard {
    Updated updated;
    std::optional<Updated> asked;          ///< as of the request that is not answered yet
    std::map<std::string, Updated> parts;  ///< by their files
    Updated expected;                      ///< what the next recovery must bring back
  };
  double Learnt(const replay::TransitionView& item) const;

  World& world_;
  const ItemLedger& items_;
  double alpha_;
  double epsilon_;
  std::size_t packed_bytes_;
  std::vector<Shard> shards_;
  std::uint64_t restored_ = 0;  ///< priorities that a resume has brought back
};

}  // namespace stillhouse::simulation
