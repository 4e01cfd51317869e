#include "replay/item_store.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "common/base/error.h"
#include "replay/priority.h"

namespace stillhouse::replay {
namespace {

constexpr std::size_t kFirstTableSize = 64;
/// Rows whose cache misses are made to overlap.
constexpr std::size_t kGroup = 32;
constexpr std::size_t kLineBytes = 64;
/// Further lines of a large row follow each other: the hardware fetches them.
constexpr std::size_t kMostLinesAhead = 4;

/// What the allocator takes for a block.
std::uint64_t AllocatedBytes(std::size_t bytes) { return (bytes + 8 + 15) / 16 * 16; }

void PrefetchBytes(const std::uint8_t* at, std::size_t bytes) {
  const std::uint8_t* const end = at + std::min(bytes, kMostLinesAhead * kLineBytes);
  for (const std::uint8_t* line = at; line < end; line += kLineBytes) __builtin_prefetch(line);
  __builtin_prefetch(end - 1);
}

}  // namespace

ItemStore::ItemStore(const ItemStoreSettings& settings)
    : settings_(settings),
      tree_(settings.capacity, settings.track_min),
      chunk_of_slot_(settings.capacity),
      chunks_(kFirstTableSize) {
  SH_CHECK(settings.n_step >= 1, "n_step {}", settings.n_step);
}

template <typename Action>
void ItemStore::ForSlots(ItemHandle first, std::uint32_t items, Action&& action) const {
  const std::size_t slot = Slot(first);
  const std::size_t before_wrap = std::min<std::size_t>(items, settings_.capacity - slot);
  action(slot, before_wrap, std::size_t{0});
  if (before_wrap < items) action(std::size_t{0}, items - before_wrap, before_wrap);
}

void ItemStore::Insert(const ChunkView& chunk) {
  const ChunkShape& shape = chunk.Shape();
  if (shape.items > settings_.capacity) {
    throw WireError(fmt::format("chunk {}: {} items, the shard holds {}", chunk.Sequence(),
                                shape.items, settings_.capacity));
  }
  while (Size() + shape.items > settings_.capacity) EvictOldest();
  if (next_chunk_ - first_chunk_ == chunks_.size()) GrowTable();
  packed_bytes_ = shape.packed_bytes;
  action_bytes_ = shape.action_bytes;

  Stored& stored = chunks_[next_chunk_ & (chunks_.size() - 1)];
  const std::size_t kept = shape.TdErrorsAt();  // the priorities live in the tree
  stored.bytes = std::make_unique_for_overwrite<std::uint8_t[]>(kept);
  std::memcpy(stored.bytes.get(), chunk.Bytes().data(), kept);
  stored.first = head_;
  stored.items = shape.items;
  stored.steps = shape.steps;
  stored.finals = shape.finals;
  chunk_bytes_ += AllocatedBytes(kept);

  priorities_.resize(shape.items);
  for (std::uint32_t i = 0; i < shape.items; ++i) {
    priorities_[i] = Priority(chunk.TdError(i), settings_.alpha, settings_.priority_epsilon);
  }
  const auto number = static_cast<std::uint32_t>(next_chunk_);
  ForSlots(head_, shape.items, [&](std::size_t slot, std::size_t count, std::size_t from) {
    tree_.SetRange(slot, std::span(priorities_).subspan(from, count));
    std::fill_n(chunk_of_slot_.begin() + static_cast<std::ptrdiff_t>(slot), count, number);
  });
  head_ += shape.items;
  ++next_chunk_;
}

void ItemStore::EvictOldest() {
  Stored& oldest = chunks_[first_chunk_ & (chunks_.size() - 1)];
  ForSlots(oldest.first, oldest.items, [&](std::size_t slot, std::size_t count, std::size_t) {
    tree_.ClearRange(slot, count);
  });
  chunk_bytes_ -= AllocatedBytes(ShapeOf(oldest).TdErrorsAt());
  tail_ += oldest.items;
  oldest.bytes.reset();
  ++first_chunk_;
}

void ItemStore::GrowTable() {
  std::vector<Stored> larger(chunks_.size() * 2);
  for (std::uint64_t number = first_chunk_; number < next_chunk_; ++number) {
    larger[number & (larger.size() - 1)] = std::move(chunks_[number & (chunks_.size() - 1)]);
  }
  chunks_ = std::move(larger);
}

ItemHandle ItemStore::HandleAt(std::size_t slot) const {
  const std::uint64_t next = Slot(head_);
  const std::uint64_t round = head_ - next;
  return slot < next ? round + slot : round - settings_.capacity + slot;
}

ChunkShape ItemStore::ShapeOf(const Stored& chunk) const {
  return {chunk.items, chunk.steps, chunk.finals, action_bytes_, packed_bytes_};
}

SampleReply ItemStore::Sample(const SampleRequest& request) const {
  SampleReply reply;
  reply.request = request.request;
  reply.totals = Totals();
  const std::size_t count = request.offsets.size();
  if (count == 0 || reply.totals.mass <= 0) return reply;

  const bool same = request.assumed_mass == reply.totals.mass;
  const double scale = same ? 1.0 : reply.totals.mass / request.assumed_mass;
  reply.handles.reserve(count);
  reply.priorities.reserve(count);
  reply.actions.reserve(count);
  reply.rewards.reserve(count);
  reply.discounts.reserve(count);
  reply.observations.reserve(count * packed_bytes_);
  reply.next_observations.reserve(count * packed_bytes_);
  std::array<double, kGroup> masses;
  std::array<std::size_t, kGroup> slots;
  for (std::size_t start = 0; start < count; start += kGroup) {
    const std::size_t size = std::min(kGroup, count - start);
    for (std::size_t i = 0; i < size; ++i) {
      masses[i] = request.offsets[start + i] * scale;
      if (!(masses[i] >= 0) || !std::isfinite(masses[i])) {
        throw WireError(fmt::format("sample request {}: offset {} of an assumed mass of {}",
                                    request.request, request.offsets[start + i],
                                    request.assumed_mass));
      }
    }
    tree_.FindBatch(std::span(masses).first(size), std::span(slots).first(size));
    Collect(std::span(slots).first(size), reply);
  }
  return reply;
}

void ItemStore::Collect(std::span<const std::size_t> slots, SampleReply& reply) const {
  for (std::size_t start = 0; start < slots.size(); start += kGroup) {
    const auto group = slots.subspan(start, std::min(kGroup, slots.size() - start));
    Prefetch(group);
    Gather(group, reply);
  }
}

void ItemStore::Prefetch(std::span<const std::size_t> slots) const {
  for (const std::size_t slot : slots) __builtin_prefetch(&chunk_of_slot_[slot]);
  for (const std::size_t slot : slots) __builtin_prefetch(&ChunkAt(slot));
  for (const std::size_t slot : slots) {
    const Stored& chunk = ChunkAt(slot);
    const ChunkShape shape = ShapeOf(chunk);
    const std::uint8_t* bytes = chunk.bytes.get();
    const std::size_t i = HandleAt(slot) - chunk.first;
    const std::size_t next = std::min<std::size_t>(i + settings_.n_step, shape.steps);
    PrefetchBytes(bytes + shape.RewardsAt() + i * 4, std::size_t{settings_.n_step} * 4);
    __builtin_prefetch(bytes + shape.FlagsAt() + i);
    __builtin_prefetch(bytes + shape.ActionsAt() + i * action_bytes_);
    PrefetchBytes(bytes + shape.ObservationsAt() + i * packed_bytes_, packed_bytes_);
    PrefetchBytes(bytes + shape.ObservationsAt() + next * packed_bytes_, packed_bytes_);
  }
}

void ItemStore::Gather(std::span<const std::size_t> slots, SampleReply& reply) const {
  for (const std::size_t slot : slots) {
    const Stored& chunk = ChunkAt(slot);
    const ItemHandle handle = HandleAt(slot);
    const TransitionView view = ReadTransition(chunk.bytes.get(), ShapeOf(chunk),
                                               static_cast<std::uint32_t>(handle - chunk.first),
                                               settings_.n_step, settings_.discount);
    reply.handles.push_back(handle);
    reply.priorities.push_back(tree_.Get(slot));
    reply.actions.push_back(view.action);
    reply.rewards.push_back(view.reward);
    reply.discounts.push_back(view.discount);
    reply.observations.insert(reply.observations.end(), view.observation,
                              view.observation + packed_bytes_);
    reply.next_observations.insert(reply.next_observations.end(), view.next_observation,
                                   view.next_observation + packed_bytes_);
  }
}

void ItemStore::UpdatePriorities(const PriorityUpdate& update) {
  std::vector<std::size_t> slots;
  std::vector<double> priorities;
  slots.reserve(update.handles.size());
  priorities.reserve(update.handles.size());
  for (std::size_t i = 0; i < update.handles.size(); ++i) {
    if (!std::isfinite(update.td_errors[i])) {
      throw WireError(fmt::format("priority update: |TD error| {}", update.td_errors[i]));
    }
    const ItemHandle handle = update.handles[i];
    if (handle < tail_ || handle >= head_) continue;
    slots.push_back(Slot(handle));
    priorities.push_back(
        Priority(update.td_errors[i], settings_.alpha, settings_.priority_epsilon));
  }
  if (!slots.empty()) tree_.SetBatch(slots, priorities);
}

ShardTotals ItemStore::Totals() const {
  ShardTotals totals;
  totals.mass = tree_.Total();
  totals.min_priority = settings_.track_min ? tree_.MinPositive() : 0;
  totals.size = Size();
  totals.inserted = Inserted();
  return totals;
}

std::uint64_t ItemStore::MemoryBytes() const {
  return chunk_bytes_ + tree_.MemoryBytes() + chunk_of_slot_.size() * sizeof(std::uint32_t) +
         chunks_.size() * sizeof(Stored);
}

TransitionView ItemStore::At(ItemHandle handle) const {
  SH_CHECK(handle >= tail_ && handle < head_, "handle {} outside [{}, {})", handle, tail_, head_);
  const Stored& chunk = ChunkAt(Slot(handle));
  return ReadTransition(chunk.bytes.get(), ShapeOf(chunk),
                        static_cast<std::uint32_t>(handle - chunk.first), settings_.n_step,
                        settings_.discount);
}

}  // namespace stillhouse::replay
