#include "replay/item_store.h"

#include <cmath>
#include <deque>
#include <fstream>
#include <map>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "replay/priority.h"
#include "tests/replay/chunk_maker.h"

namespace stillhouse::replay {
namespace {

constexpr std::uint32_t kN = 3;

ItemStoreSettings Settings(std::size_t capacity, double alpha = 1) {
  ItemStoreSettings settings;
  settings.capacity = capacity;
  settings.n_step = kN;
  settings.discount = 0.5;
  settings.alpha = alpha;
  settings.priority_epsilon = 0;
  settings.track_min = true;
  return settings;
}

void Insert(ItemStore& store, const ExperienceChunk& chunk,
            const EnvironmentSpec& spec = CounterSpec()) {
  const auto bytes = chunk.Encode(spec);
  store.Insert(ChunkView(bytes, spec, kN));
}

SampleReply SampleAt(const ItemStore& store, std::vector<double> offsets, double assumed) {
  SampleRequest request;
  request.request = 1;
  request.assumed_mass = assumed;
  request.offsets = std::move(offsets);
  return store.Sample(request);
}

TEST(ItemStoreTest, DrawsTheTransitionsThatTheOffsetsPointAt) {
  ItemStore store(Settings(100));
  ExperienceChunk chunk = MakeChunk(1, 1, 0, 4);
  chunk.td_errors = {1, 2, 0, 4};
  Insert(store, chunk);
  EXPECT_EQ(store.Totals().mass, 7);
  EXPECT_EQ(store.Totals().min_priority, 1);
  const SampleReply reply = SampleAt(store, {0.5, 2.9, 3.0, 6.9}, 7);
  EXPECT_EQ(reply.handles, (std::vector<ItemHandle>{0, 1, 3, 3}));
  EXPECT_EQ(reply.priorities, (std::vector<double>{1, 2, 4, 4}));
  EXPECT_EQ(reply.actions, (std::vector<std::int32_t>{0, 1, 0, 0}));
  EXPECT_EQ(reply.rewards[0], 1.75F);
  EXPECT_EQ(reply.discounts[0], 0.125F);
  EXPECT_EQ(FloatAt(reply.observations.data() + 4), 1.0F);
  EXPECT_EQ(FloatAt(reply.next_observations.data() + 12), 6.0F);
  EXPECT_EQ(reply.totals.size, 4U);
}

TEST(ItemStoreTest, ScalesOffsetsWhenTheMassIsAnotherThanAssumed) {
  ItemStore store(Settings(100));
  ExperienceChunk chunk = MakeChunk(1, 1, 0, 2);
  chunk.td_errors = {2, 2};
  Insert(store, chunk);
  EXPECT_EQ(SampleAt(store, {0.9, 1.0}, 2).handles, (std::vector<ItemHandle>{0, 1}));
}

TEST(ItemStoreTest, AnEmptyStoreAnswersWithTotalsAlone) {
  const ItemStore store(Settings(100));
  const SampleReply reply = SampleAt(store, {0.1}, 1);
  EXPECT_TRUE(reply.handles.empty());
  EXPECT_EQ(reply.totals.mass, 0);
}

TEST(ItemStoreTest, RefusesOffsetsThatAreNoPoints) {
  ItemStore store(Settings(100));
  Insert(store, MakeChunk(1, 1, 0, 2));
  EXPECT_THROW(SampleAt(store, {-1}, 2), WireError);
  EXPECT_THROW(SampleAt(store, {std::nan("")}, 2), WireError);
  EXPECT_THROW(SampleAt(store, {1}, 0), WireError);
}

TEST(ItemStoreTest, AHandleOfAnEvictedItemMatchesNothing) {
  ItemStore store(Settings(8));
  for (std::uint64_t i = 0; i < 3; ++i) Insert(store, MakeChunk(1, i + 1, 4 * i, 4));
  ASSERT_EQ(store.Size(), 8U);
  PriorityUpdate update;
  update.handles = {0, 3, 4, 11, 12};  // gone, gone, held, held, not yet there
  update.td_errors = {50, 50, 3, 5, 50};
  store.UpdatePriorities(update);
  EXPECT_EQ(store.Totals().mass, 3 + 6 * 1 + 5);
}

TEST(ItemStoreTest, RefusesAChunkThatCouldNeverFit) {
  ItemStore store(Settings(8));
  EXPECT_THROW(Insert(store, MakeChunk(1, 1, 0, 9)), WireError);
}

/// The store against lists: random chunk sizes, capacities that do not divide, priority updates of
/// old and new handles; every item must read back and the mass must agree.
TEST(ItemStoreTest, BehavesLikeAListThroughEvictionsAndWraps) {
  Rng rng(5);
  const std::size_t capacity = 257;
  ItemStore store(Settings(capacity));
  struct Chunk {
    std::uint64_t first = 0;
    std::vector<double> priorities;
  };
  std::deque<Chunk> model;
  std::uint64_t inserted = 0;
  std::size_t held = 0;
  for (std::uint64_t round = 1; round <= 500; ++round) {
    const auto items = static_cast<std::uint32_t>(1 + rng.Below(40));
    Insert(store, MakeChunk(1, round, inserted, items, kN, 2));
    while (held + items > capacity) {
      held -= model.front().priorities.size();
      model.pop_front();
    }
    model.push_back({inserted, std::vector<double>(items, 2)});
    held += items;
    inserted += items;

    PriorityUpdate update;
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t handle = rng.Below(inserted + 10);
      const auto error = static_cast<float>(rng.Below(64));
      update.handles.push_back(handle);
      update.td_errors.push_back(error);
      for (Chunk& chunk : model) {
        const std::uint64_t at = handle - chunk.first;
        if (handle >= chunk.first && at < chunk.priorities.size()) chunk.priorities[at] = error;
      }
    }
    store.UpdatePriorities(update);

    double mass = 0;
    for (const Chunk& chunk : model) {
      for (std::size_t i = 0; i < chunk.priorities.size(); ++i) {
        mass += chunk.priorities[i];
        ASSERT_EQ(FloatAt(store.At(chunk.first + i).observation),
                  static_cast<float>(chunk.first + i));
      }
    }
    ASSERT_EQ(store.Totals().mass, mass);
    ASSERT_EQ(store.Size(), held);
    ASSERT_EQ(store.Inserted(), inserted);
    if (mass == 0) continue;
    const SampleReply reply = SampleAt(store, {rng.Uniform() * mass}, mass);
    ASSERT_EQ(FloatAt(reply.observations.data()), static_cast<float>(reply.handles[0]));
    ASSERT_EQ(FloatAt(reply.next_observations.data()), static_cast<float>(reply.handles[0] + kN));
  }
}

/// Resident bytes of this process.
double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0;
  statm >> pages >> pages;
  return pages * 4096;
}

TEST(ItemStoreTest, HoldsABreakoutTransitionIn92Bytes) {
  EnvironmentSpec spec = CounterSpec();
  spec.observation = {ElementKind::kBits, {4, 10, 10}};  // 50 bytes
  const std::uint32_t items = 32;
  ExperienceChunk chunk = MakeChunk(1, 1, 0, items);
  chunk.observations.assign((chunk.actions.size() + 1) * 50, 0);
  const auto bytes = chunk.Encode(spec);
  const std::size_t capacity = 500000;
  [[maybe_unused]] const double before = ResidentBytes();
  ItemStore store(Settings(capacity, 0.6));
  for (std::uint64_t i = 0; i < capacity / items + 100; ++i) {
    store.Insert(ChunkView(bytes, spec, kN));
  }
  const auto size = static_cast<double>(store.Size());
  const double counted = static_cast<double>(store.MemoryBytes()) / size;
  EXPECT_LE(counted, 92);
  EXPECT_GE(counted, 65);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Whole huge pages, two of them partly used, make 8 bytes here.
  EXPECT_NEAR((ResidentBytes() - before) / size, counted, 9);
#endif
}

}  // namespace
}  // namespace stillhouse::replay
