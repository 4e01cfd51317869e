#include "tests/simulation/priority_ledger.h"

#include <utility>

#include "replay/priority.h"
#include "tests/simulation/sim_compute.h"

namespace stillhouse::simulation {

double PriorityLedger::Learnt(const replay::TransitionView& item) const {
  return replay::Priority(
      TeachersError({item.observation, packed_bytes_}, item.action, item.reward), alpha_, epsilon_);
}

void PriorityLedger::OnUpdate(std::size_t shard, const PriorityUpdate& update,
                              const replay::ItemStore& store) {
  Updated& updated = shards_[shard].updated;
  if (updated.size() < store.Inserted()) updated.resize(store.Inserted());
  for (const auto handle : update.handles) {
    if (handle < store.Tail() || handle >= store.Inserted()) continue;
    double priority = 0;
    store.ReadPriorities(handle, {&priority, 1});
    updated[handle] = true;
    if (priority == Learnt(store.At(handle))) continue;
    world_.Violation(
        fmt::format("shard {}: item {} has priority {}, what was learnt from it says {}", shard,
                    handle, priority, Learnt(store.At(handle))));
  }
}

void PriorityLedger::OnCheckpointRequest(std::size_t shard) {
  // One that is under way answers this request, too.
  if (!shards_[shard].asked) shards_[shard].asked = shards_[shard].updated;
}

void PriorityLedger::OnPart(std::size_t shard, const replay::ShardState& state) {
  auto asked = std::exchange(shards_[shard].asked, std::nullopt);
  if (asked) shards_[shard].parts[state.file] = std::move(*asked);
}

void PriorityLedger::Expect(const std::map<std::uint16_t, std::vector<std::uint8_t>>& parts) {
  for (auto& shard : shards_) shard.expected.clear();
  for (const auto& [shard, bytes] : parts) {
    if (bytes.empty()) continue;
    shards_.at(shard).expected = shards_[shard].parts[replay::ShardState::Decode(bytes).file];
  }
}

void PriorityLedger::OnRecovered(std::size_t shard, const replay::ItemStore& store) {
  Shard& known = shards_[shard];
  known.asked.reset();
  const Updated must = std::exchange(known.expected, {});
  known.updated.assign(store.Inserted(), false);
  for (std::uint64_t handle = store.Tail(); handle < store.Inserted(); ++handle) {
    const auto item = store.At(handle);
    double priority = 0;
    store.ReadPriorities(handle, {&priority, 1});
    if (priority == Learnt(item)) {
      known.updated[handle] = true;
      ++restored_;
      continue;
    }
    const auto initial = items_.InitialError(item);
    if (initial && priority != replay::Priority(*initial, alpha_, epsilon_)) {
      world_.Violation(
          fmt::format("shard {}: item {} comes back with priority {}, which it never had", shard,
                      handle, priority));
    } else if (handle < must.size() && must[handle]) {
      world_.Violation(fmt::format(
          "shard {}: item {} comes back with its initial priority, the checkpoint knew better",
          shard, handle));
    }
  }
}

}  // namespace stillhouse::simulation
