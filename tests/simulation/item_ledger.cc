#include "tests/simulation/item_ledger.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "common/base/crc32c.h"
#include "replay/chunk.h"

namespace stillhouse::simulation {

namespace {
/// 64 bits: of a million items two would have one checksum of 32.
std::uint64_t HashOfBytes(std::span<const std::uint8_t> bytes) {
  std::uint64_t state = bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, &bytes[at], std::min<std::size_t>(8, bytes.size() - at));
    state ^= word;
    state = SplitMix64(state);
  }
  return state;
}
}  // namespace

std::uint64_t ItemLedger::HashOf(const replay::TransitionView& item) const {
  const auto packed = static_cast<std::size_t>(environment_.observation.PackedBytes());
  std::uint64_t state = HashOfBytes({item.observation, packed});
  // After a terminal step the next observation has no meaning.
  const std::uint64_t next = item.discount == 0 ? 0 : HashOfBytes({item.next_observation, packed});
  state = SplitMix64(state) ^ next;
  state = SplitMix64(state) ^ static_cast<std::uint64_t>(item.action);
  state = SplitMix64(state) ^ (std::uint64_t{std::bit_cast<std::uint32_t>(item.reward)} << 32U) ^
          std::bit_cast<std::uint32_t>(item.discount);
  return SplitMix64(state);
}

void ItemLedger::OnSent(std::size_t shard, std::span<const std::uint8_t> bytes) {
  const replay::ChunkView view(bytes, environment_, n_step_);
  Stream& stream = streams_[{shard, view.IncarnationValue()}];
  Chunk& chunk = stream.chunks[view.Sequence()];
  const std::uint32_t crc = Crc32c(bytes);
  if (!chunk.items.empty()) {
    if (chunk.crc != crc) {
      world_.Violation(fmt::format("chunk {} of {:016x} has changed since it was first sent",
                                   view.Sequence(), view.IncarnationValue()));
    }
    return;
  }
  chunk.crc = crc;
  for (std::uint32_t i = 0; i < view.Items(); ++i) {
    const std::uint64_t hash = HashOf(view.Transition(i, n_step_, discount_));
    const Item item{view.IncarnationValue(), view.FirstItem() + i, shard, view.TdError(i)};
    if (const auto [known, fresh] = items_.emplace(hash, item); !fresh) {
      world_.Violation(fmt::format("item ({:016x}, {}) is item ({:016x}, {}) once more",
                                   item.incarnation, item.number, known->second.incarnation,
                                   known->second.number));
    }
    chunk.items.push_back(hash);
  }
}

void ItemLedger::Look(std::size_t shard, const replay::ItemStore& store) {
  const std::uint64_t first = std::max(seen_[shard], store.Inserted() - store.Size());
  if (first != seen_[shard]) {
    world_.Violation(fmt::format("shard {}: {} items came and went between two looks", shard,
                                 first - seen_[shard]));
  }
  for (std::uint64_t handle = first; handle < store.Inserted(); ++handle) {
    const auto found = items_.find(HashOf(store.At(handle)));
    if (found == items_.end()) {
      world_.Violation(fmt::format("shard {} holds an item that nobody sent", shard));
      continue;
    }
    Item& item = found->second;
    ++stored_[shard];
    item.handle = handle;
    if (++item.copies > 1) {
      world_.Violation(fmt::format("shard {} holds item ({:016x}, {}) {} times", shard,
                                   item.incarnation, item.number, item.copies));
    }
    if (item.shard != shard) {
      world_.Violation(fmt::format("item ({:016x}, {}) was sent to shard {} and is in shard {}",
                                   item.incarnation, item.number, item.shard, shard));
    }
  }
  seen_[shard] = store.Inserted();
  tails_[shard] = store.Tail();
}

void ItemLedger::OnRecovered(std::size_t shard, const replay::ItemStore& store) {
  CheckAcknowledged(shard, store);
  // What was stored and is gone was not acknowledged: it may come again.
  for (auto& [hash, item] : items_) {
    if (item.shard == shard && item.handle >= store.Inserted()) item.copies = 0;
  }
  for (std::uint64_t handle = store.Tail(); handle < store.Inserted(); ++handle) {
    const auto found = items_.find(HashOf(store.At(handle)));
    if (found == items_.end()) {
      world_.Violation(fmt::format("shard {} recovers an item that nobody sent", shard));
      continue;
    }
    Item& item = found->second;
    if (item.shard != shard || (item.copies > 0 && item.handle != handle)) {
      world_.Violation(
          fmt::format("item ({:016x}, {}) was item {} of shard {}, shard {} recovers it as {}",
                      item.incarnation, item.number, item.handle, item.shard, shard, handle));
    }
    item.copies = 1;
    item.handle = handle;
  }
  seen_[shard] = store.Inserted();
  tails_[shard] = store.Tail();
}

void ItemLedger::CheckAcknowledged(std::size_t shard, const replay::ItemStore& store) {
  for (const auto& [hash, item] : items_) {
    if (item.shard != shard || !item.acknowledged || item.handle < tails_[shard]) continue;
    ++recovered_;
    const bool held = item.handle >= store.Tail() && item.handle < store.Inserted() &&
                      HashOf(store.At(item.handle)) == hash;
    if (held) continue;
    world_.Violation(fmt::format("shard {}: item ({:016x}, {}) was acknowledged, and is lost",
                                 shard, item.incarnation, item.number));
  }
}

std::optional<float> ItemLedger::InitialError(const replay::TransitionView& view) const {
  const auto found = items_.find(HashOf(view));
  if (found == items_.end()) return std::nullopt;
  return found->second.error;
}

void ItemLedger::OnAck(std::size_t shard, std::uint64_t incarnation, std::uint64_t sequence) {
  Stream& stream = streams_[{shard, incarnation}];
  while (stream.acknowledged < sequence) {
    const std::uint64_t next = ++stream.acknowledged;
    const auto chunk = stream.chunks.find(next);
    if (chunk == stream.chunks.end()) {
      world_.Violation(fmt::format("shard {} acknowledges chunk {} of {:016x}, which was not sent",
                                   shard, next, incarnation));
      return;
    }
    for (const auto hash : chunk->second.items) {
      ++acknowledged_;
      Item& item = items_.at(hash);
      item.acknowledged = true;
      if (item.copies == 0) {
        world_.Violation(
            fmt::format("shard {} acknowledges item ({:016x}, {}), which it does not hold", shard,
                        item.incarnation, item.number));
      }
    }
  }
}

bool ItemLedger::OnArrived(std::size_t shard, std::span<const std::uint8_t> bytes) {
  const replay::ChunkView view(bytes, environment_, n_step_);
  Chunk& chunk = streams_[{shard, view.IncarnationValue()}].chunks[view.Sequence()];
  return !std::exchange(chunk.arrived, true);
}

}  // namespace stillhouse::simulation
