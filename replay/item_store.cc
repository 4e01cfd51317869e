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
/// Rows asked for before the one that is copied.
constexpr std::size_t kAhead = 16;
constexpr std::size_t kLineBytes = 64;
/// Further lines of a large row follow each other: the hardware fetches them.
constexpr std::size_t kMostLinesAhead = 8;

void PrefetchBytes(const std::uint8_t* at, std::size_t bytes) {
  const std::uint8_t* const end = at + std::min(bytes, kMostLinesAhead * kLineBytes);
  for (const std::uint8_t* line = at; line < end; line += kLineBytes) __builtin_prefetch(line);
  __builtin_prefetch(end - 1);
}

/// Appends rows to a vector of bytes. Small rows are copied into room made for all of them at
/// once; large ones are appended one by one, because filling that room with zeros first would cost
/// as much as the copy.
class RowWriter {
 public:
  RowWriter(std::vector<std::uint8_t>& bytes, std::size_t row_bytes, std::size_t rows)
      : bytes_(bytes), row_bytes_(row_bytes) {
    if (row_bytes_ > kMostSmallBytes) return;
    const std::size_t at = bytes.size();
    bytes.resize(at + rows * row_bytes);
    next_ = bytes.data() + at;
  }
  void Append(const std::uint8_t* row) {
    if (next_ == nullptr) {
      bytes_.insert(bytes_.end(), row, row + row_bytes_);
      return;
    }
    std::memcpy(next_, row, row_bytes_);
    next_ += row_bytes_;
  }

 private:
  static constexpr std::size_t kMostSmallBytes = 1024;

  std::vector<std::uint8_t>& bytes_;
  std::size_t row_bytes_;
  std::uint8_t* next_ = nullptr;
};

}  // namespace

ItemStore::ItemStore(const ItemStoreSettings& settings)
    : settings_(settings),
      tree_(settings.capacity, settings.track_min),
      chunk_of_block_((settings.capacity + kBlock - 1) / kBlock),
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
  std::uint8_t* const bytes = arena_.Append(kept);
  std::memcpy(bytes, chunk.Bytes().data(), kept);
  stored.bytes = bytes;
  stored.first = head_;
  stored.items = shape.items;
  stored.steps = shape.steps;
  stored.finals = shape.finals;

  priorities_.resize(shape.items);
  for (std::uint32_t i = 0; i < shape.items; ++i) {
    priorities_[i] = Priority(chunk.TdError(i), settings_.alpha, settings_.priority_epsilon);
  }
  const auto number = static_cast<std::uint32_t>(next_chunk_);
  ForSlots(head_, shape.items, [&](std::size_t slot, std::size_t count, std::size_t from) {
    tree_.SetRange(slot, std::span(priorities_).subspan(from, count));
    for (std::size_t block = (slot + kBlock - 1) / kBlock; block * kBlock < slot + count; ++block) {
      chunk_of_block_[block] = number;
    }
  });
  head_ += shape.items;
  head_slot_ = Slot(head_);
  ++next_chunk_;
}

void ItemStore::Restart(ItemHandle first) {
  while (first_chunk_ < next_chunk_) EvictOldest();
  tail_ = head_ = first;
  head_slot_ = Slot(head_);
}

void ItemStore::ReadPriorities(ItemHandle first, std::span<double> priorities) const {
  const ItemHandle from = std::max(first, tail_);
  const ItemHandle to = std::min(first + priorities.size(), head_);
  if (from >= to) return;
  std::size_t slot = Slot(from);
  for (ItemHandle handle = from; handle < to; ++handle) {
    priorities[handle - first] = tree_.Get(slot);
    if (++slot == settings_.capacity) slot = 0;
  }
}

void ItemStore::SetPriorities(ItemHandle first, std::span<const double> priorities) {
  std::vector<std::size_t> slots;
  std::vector<double> values;
  slots.reserve(priorities.size());
  values.reserve(priorities.size());
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    const ItemHandle handle = first + i;
    if (handle < tail_ || handle >= head_ || priorities[i] <= 0) continue;
    slots.push_back(Slot(handle));
    values.push_back(priorities[i]);
  }
  if (!slots.empty()) tree_.SetBatch(slots, values);
}

void ItemStore::EvictOldest() {
  Stored& oldest = chunks_[first_chunk_ & (chunks_.size() - 1)];
  ForSlots(oldest.first, oldest.items, [&](std::size_t slot, std::size_t count, std::size_t) {
    tree_.ClearRange(slot, count);
  });
  tail_ += oldest.items;
  arena_.DropOldest();
  ++first_chunk_;
}

void ItemStore::GrowTable() {
  std::vector<Stored> larger(chunks_.size() * 2);
  for (std::uint64_t number = first_chunk_; number < next_chunk_; ++number) {
    larger[number & (larger.size() - 1)] = chunks_[number & (chunks_.size() - 1)];
  }
  chunks_ = std::move(larger);
}

std::uint64_t ItemStore::ChunkBefore(std::size_t slot) const {
  const std::size_t block = slot / kBlock;
  // The block that the head stands in: its first slots are newer than this one, the oldest.
  if (HandleAt(block * kBlock) > HandleAt(slot)) return first_chunk_;
  const auto age = static_cast<std::uint32_t>(next_chunk_) - chunk_of_block_[block];
  return std::max(first_chunk_, next_chunk_ - std::min<std::uint64_t>(age, next_chunk_));
}

ItemStore::Place ItemStore::PlaceOf(ItemHandle handle) const {
  std::uint64_t number = ChunkBefore(Slot(handle));
  while (Chunk(number).first + Chunk(number).items <= handle) ++number;
  const Stored& chunk = Chunk(number);
  return {chunk.bytes, handle, static_cast<std::uint32_t>(handle - chunk.first), ShapeOf(chunk)};
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
    for (std::size_t i = 0; i < size; ++i) reply.priorities.push_back(tree_.Get(slots[i]));
    Collect(std::span(slots).first(size), reply);
  }
  return reply;
}

void ItemStore::Collect(std::span<const std::size_t> slots, SampleReply& reply) const {
  for (std::size_t start = 0; start < slots.size(); start += kGroup) {
    const auto group = slots.subspan(start, std::min(kGroup, slots.size() - start));
    std::array<Place, kGroup> places;
    for (const std::size_t slot : group) __builtin_prefetch(&chunk_of_block_[slot / kBlock]);
    for (const std::size_t slot : group) __builtin_prefetch(&Chunk(ChunkBefore(slot)));
    std::transform(group.begin(), group.end(), places.begin(),
                   [&](std::size_t slot) { return PlaceOf(HandleAt(slot)); });
    Gather(std::span(places).first(group.size()), reply);
  }
}

void ItemStore::Prefetch(const Place& place) const {
  const ChunkShape& shape = place.shape;
  const std::size_t next = std::min<std::size_t>(place.item + settings_.n_step, shape.steps);
  const std::size_t first = shape.RowAt(place.item);
  const std::size_t end = shape.ObservationAt(next) + packed_bytes_;
  if (end - first <= kMostLinesAhead * kLineBytes) {  // small rows: one short run
    PrefetchBytes(place.bytes + first, end - first);
    return;
  }
  PrefetchBytes(place.bytes + first, shape.RowBytes());
  for (std::size_t row = place.item + 1; row < next; ++row) {
    __builtin_prefetch(place.bytes + shape.RowAt(row));
  }
  PrefetchBytes(place.bytes + shape.ObservationAt(next), packed_bytes_);
}

void ItemStore::Gather(std::span<const Place> places, SampleReply& reply) const {
  const std::size_t from = reply.handles.size();
  const std::size_t rows = from + places.size();
  reply.handles.resize(rows);
  reply.actions.resize(rows);
  reply.rewards.resize(rows);
  reply.discounts.resize(rows);
  RowWriter observations(reply.observations, packed_bytes_, places.size());
  RowWriter next_observations(reply.next_observations, packed_bytes_, places.size());
  for (std::size_t i = 0; i < std::min(kAhead, places.size()); ++i) Prefetch(places[i]);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (i + kAhead < places.size()) Prefetch(places[i + kAhead]);
    const Place& place = places[i];
    const TransitionView view =
        ReadTransition(place.bytes, place.shape, place.item, settings_.n_step, settings_.discount);
    reply.handles[from + i] = place.handle;
    reply.actions[from + i] = view.action;
    reply.rewards[from + i] = view.reward;
    reply.discounts[from + i] = view.discount;
    observations.Append(view.observation);
    next_observations.Append(view.next_observation);
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
  return arena_.MemoryBytes() + tree_.MemoryBytes() +
         chunk_of_block_.size() * sizeof(std::uint32_t) + chunks_.size() * sizeof(Stored);
}

TransitionView ItemStore::At(ItemHandle handle) const {
  SH_CHECK(handle >= tail_ && handle < head_, "handle {} outside [{}, {})", handle, tail_, head_);
  const Place place = PlaceOf(handle);
  return ReadTransition(place.bytes, place.shape, place.item, settings_.n_step, settings_.discount);
}

}  // namespace stillhouse::replay
