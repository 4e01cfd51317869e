#include "replay/log/redeal.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>

#include <gtest/gtest.h>

#include "replay/log/log_settings.h"
#include "replay/log/scan.h"
#include "replay/log/store_recovery.h"
#include "replay/shard.h"
#include "tests/replay/chunk_maker.h"
#include "tests/replay/log/memory_storage.h"
#include "tests/replay/shard_fixture.h"

namespace stillhouse::replay {
namespace {

using Key = std::pair<std::uint64_t, std::uint64_t>;  // incarnation, first item
constexpr std::uint64_t kWorkers = 3;
constexpr std::uint32_t kItems = 8;

RunConfig Config(std::int64_t capacity = 100000) {
  RunConfig config;
  config.replay.capacity = capacity;
  config.replay.n_step = 3;
  config.replay.alpha = 0.5;
  return config;
}

/// Shards' logs with a checkpoint, as a run leaves them.
struct Stores {
  std::vector<std::unique_ptr<MemoryStorage>> storages;
  std::vector<ShardState> states;
  std::vector<ItemHandle> heads;

  std::vector<OldShard> Old(bool with_states = true) const {
    std::vector<OldShard> old;
    for (std::size_t k = 0; k < storages.size(); ++k) {
      old.push_back({static_cast<std::uint16_t>(k), storages[k].get(), {}, {}});
      if (with_states && k < states.size()) old.back().state = states[k];
    }
    return old;
  }
};

double PriorityOf(const Key& key) { return 0.25 + static_cast<double>(key.second % 97); }

/// `chunks` a shard; the priorities of the first three quarters are in a checkpoint.
Stores Filled(std::uint16_t shards, int chunks, std::int64_t capacity = 100000) {
  Stores stores;
  const RunConfig config = Config(capacity);
  std::map<std::uint64_t, std::uint64_t> first_item;
  for (std::uint16_t k = 0; k < shards; ++k) {
    stores.storages.push_back(std::make_unique<MemoryStorage>());
    DirectDevice device(*stores.storages.back(), false);
    SegmentLogSettings settings = LogSettingsOf(config, k, shards, CounterSpec());
    settings.segment_items = 50;
    SegmentLog log(settings, device, LogStart{});
    ItemStoreSettings store_settings;
    store_settings.capacity = static_cast<std::size_t>(config.replay.capacity) / shards;
    store_settings.n_step = 3;
    ItemStore store(store_settings);
    WorkerSequences sequences;
    for (std::uint64_t w = 1; w <= kWorkers; ++w) sequences.emplace_back(w, 0);
    for (int i = 0; i < chunks; ++i) {
      auto& [worker, sequence] = sequences[static_cast<std::size_t>(i) % kWorkers];
      auto& item = first_item[worker];
      const auto bytes = MakeChunk(worker, ++sequence, item, kItems).Encode(CounterSpec());
      const ItemHandle first = store.Inserted();
      store.Insert(ChunkView(bytes, CounterSpec(), 3));
      log.Append(first, kItems, bytes, [&sequences] {
        WorkerSequences known;
        for (const auto& entry : sequences) {
          if (entry.second > 0) known.push_back(entry);
        }
        return known;
      });
      std::vector<double> priorities(kItems);
      for (std::uint32_t n = 0; n < kItems; ++n) priorities[n] = PriorityOf({worker, item + n});
      store.SetPriorities(first, priorities);
      item += kItems;
      if (i + 1 != chunks * 3 / 4) continue;
      PriorityWriter writer(k, store, config.replay.alpha, log);
      while (!writer.Step(store)) {
      }
      stores.states.push_back(writer.State());
    }
    stores.heads.push_back(store.Inserted());
  }
  return stores;
}

Stores Redealt(const Stores& old, std::size_t shards, RedealtStore& result,
               std::int64_t capacity = 100000, bool with_states = true) {
  Stores made;
  std::vector<SegmentStorage*> fresh;
  for (std::size_t k = 0; k < shards; ++k) {
    made.storages.push_back(std::make_unique<MemoryStorage>());
    fresh.push_back(made.storages.back().get());
  }
  result = Redeal(old.Old(with_states), fresh, Config(capacity), CounterSpec());
  made.heads = result.heads;
  return made;
}

std::uint64_t Sum(const std::vector<std::uint64_t>& values) {
  return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}

/// How often every chunk is in the stores, by its key.
std::map<Key, int> Chunks(const Stores& stores) {
  std::map<Key, int> found;
  for (const auto& storage : stores.storages) {
    const auto scan =
        ScanLog(*storage, [&found](const SegmentHeader&, const ChunkView& chunk, ItemHandle) {
          ++found[{chunk.IncarnationValue(), chunk.FirstItem()}];
        });
    EXPECT_TRUE(scan.errors.empty()) << scan.errors.front();
  }
  return found;
}

/// A shard's store as it starts from its log.
RecoveredLog Recovered(const Stores& stores, std::size_t shard, ItemStore& store) {
  RecoverySettings settings;
  settings.shard = static_cast<std::uint16_t>(shard);
  settings.environment = CounterSpec();
  settings.n_step = 3;
  return RecoverStore(*stores.storages[shard], settings, 0.5, {}, 0, store);
}

class RedealTest : public ::testing::TestWithParam<std::pair<int, int>> {};

TEST_P(RedealTest, EveryChunkIsThereOnceInShardsOfOneSizeAndTheCountsGoOn) {
  const auto [before, after] = GetParam();
  const Stores old = Filled(static_cast<std::uint16_t>(before), 120);
  RedealtStore result;
  const Stores made = Redealt(old, static_cast<std::size_t>(after), result);
  EXPECT_EQ(Chunks(made), Chunks(old));
  EXPECT_EQ(result.chunks, static_cast<std::uint64_t>(before) * 120);
  EXPECT_EQ(Sum(result.heads), Sum(old.heads));
  const auto [least, most] = std::minmax_element(result.items.begin(), result.items.end());
  EXPECT_LE(static_cast<double>(*most - *least), 0.05 * static_cast<double>(*most));
  EXPECT_EQ(Sum(result.items), Sum(old.heads));
  for (std::size_t k = 0; k < made.storages.size(); ++k) {
    ItemStoreSettings settings;
    settings.capacity = 100000;
    settings.n_step = 3;
    ItemStore store(settings);
    const RecoveredLog log = Recovered(made, k, store);
    EXPECT_EQ(log.head, result.heads[k]);
    EXPECT_EQ(store.Size(), result.items[k]);
    for (const auto& [incarnation, sequence] : log.sequences) {
      EXPECT_EQ(sequence, kClosedSequence) << "incarnation " << incarnation << " could go on";
    }
    EXPECT_GT(made.storages[k]->syncs.size(), 0U);
  }
}

TEST_P(RedealTest, ItemsKeepThePrioritiesOfTheCheckpoint) {
  const auto [before, after] = GetParam();
  const Stores old = Filled(static_cast<std::uint16_t>(before), 120);
  RedealtStore result;
  const Stores made = Redealt(old, static_cast<std::size_t>(after), result);
  const double initial = std::sqrt(1 + 1e-6);  // |TD error| 1, alpha 0.5
  std::map<bool, int> kept;
  for (std::size_t k = 0; k < made.storages.size(); ++k) {
    ItemStoreSettings settings;
    settings.capacity = 100000;
    settings.n_step = 3;
    settings.alpha = 0.5;
    ItemStore store(settings);
    Recovered(made, k, store);
    ScanLog(*made.storages[k], [&](const SegmentHeader&, const ChunkView& chunk, ItemHandle first) {
      std::vector<double> priorities(chunk.Items());
      store.ReadPriorities(first, priorities);
      const Key key{chunk.IncarnationValue(), chunk.FirstItem()};
      const bool before_checkpoint = priorities[0] != initial;
      ++kept[before_checkpoint];
      for (std::uint32_t i = 0; i < chunk.Items(); ++i) {
        EXPECT_DOUBLE_EQ(priorities[i],
                         before_checkpoint ? PriorityOf({key.first, key.second + i}) : initial);
      }
    });
  }
  EXPECT_EQ(kept[true], before * 90);
  EXPECT_EQ(kept[false], before * 30);
}

INSTANTIATE_TEST_SUITE_P(Shards, RedealTest,
                         ::testing::Values(std::pair{2, 3}, std::pair{3, 2}, std::pair{4, 1},
                                           std::pair{1, 4}),
                         [](const auto& shards) {
                           return std::to_string(shards.param.first) + "to" +
                                  std::to_string(shards.param.second);
                         });

TEST(RedealAgainTest, PrioritiesAndKeysOutliveASecondDealWithoutACheckpointBetween) {
  const Stores old = Filled(2, 40);
  RedealtStore result;
  const Stores three = Redealt(old, 3, result);
  const Stores two = Redealt(three, 2, result);
  EXPECT_EQ(Chunks(two), Chunks(old));
  EXPECT_EQ(Sum(result.heads), Sum(old.heads));
  double mass = 0;
  double expected = 0;
  for (std::size_t k = 0; k < 2; ++k) {
    ItemStoreSettings settings;
    settings.capacity = 100000;
    settings.n_step = 3;
    settings.alpha = 0.5;
    ItemStore store(settings);
    Recovered(two, k, store);
    mass += store.Totals().mass;
    ItemStore before(settings);
    RecoverySettings recovery;
    recovery.shard = static_cast<std::uint16_t>(k);
    recovery.environment = CounterSpec();
    recovery.n_step = 3;
    RecoverStore(*old.storages[k], recovery, 0.5, old.states[k], 0, before);
    expected += before.Totals().mass;
  }
  EXPECT_NEAR(mass, expected, 1e-9 * expected);
}

TEST(RedealCapacityTest, WhatDoesNotFitAnyMoreIsLeftOutOldestFirst) {
  const Stores old = Filled(2, 50);  // 400 items each
  RedealtStore result;
  const Stores made = Redealt(old, 3, result, 300);
  EXPECT_LE(Sum(result.items), 300U);
  EXPECT_GT(Sum(result.items), 300U - kItems);
  EXPECT_EQ(Sum(result.heads), 800U);
  // What is left of each old shard is its end.
  const auto kept = Chunks(made);
  for (const auto& storage : old.storages) {
    std::vector<bool> left;
    ScanLog(*storage, [&](const SegmentHeader&, const ChunkView& chunk, ItemHandle) {
      left.push_back(kept.contains({chunk.IncarnationValue(), chunk.FirstItem()}));
    });
    EXPECT_TRUE(std::is_sorted(left.begin(), left.end()));
    EXPECT_FALSE(left.front());
    EXPECT_TRUE(left.back());
  }
}

TEST(RedealDamageTest, ATornEndAndADamagedSegmentCostWhatTheyCostAtAnyStart) {
  Stores old = Filled(2, 30);
  auto& files = old.storages[1]->files;
  files.at(SegmentName(5)).resize(files.at(SegmentName(5)).size() - 3);
  files.at(SegmentName(2))[300] ^= 1U;
  RedealtStore result;
  const Stores made = Redealt(old, 3, result);
  EXPECT_GE(result.notes.size(), 2U);
  EXPECT_EQ(Sum(result.heads), 240U + 232U);
  for (const auto& [key, times] : Chunks(made)) EXPECT_EQ(times, 1);
}

TEST(RedealEmptyTest, ALostLogStillCountsAsTheCheckpointSays) {
  Stores old = Filled(2, 30);
  old.storages[1] = std::make_unique<MemoryStorage>();
  RedealtStore result;
  Redealt(old, 3, result);
  EXPECT_EQ(Sum(result.heads), 240U + old.states[1].head);
}

TEST(RedealDiskTest, AFullDiskIsSaid) {
  const Stores old = Filled(2, 30);
  MemoryStorage full;
  full.room = 2000;
  EXPECT_THROW(Redeal(old.Old(), {&full}, Config(), CounterSpec()), StorageError);
}

TEST(RedealWorkerTest, AWorkerFromBeforeIsClosedAndOneThatBeginsAnewIsTaken) {
  const Stores old = Filled(2, 12);
  RedealtStore result;
  const Stores made = Redealt(old, 3, result);
  ShardSettings settings;
  settings.shards = 3;
  settings.config = Config();
  settings.config.actors.chunk_steps = 32;
  settings.config.replay.durability = Durability::kAsync;
  settings.environment = CounterSpec();
  settings.token = "secret";
  WorkerRecorder workers;
  ClusterRecorder cluster;
  DirectDevice device(*made.storages[0], false);
  Shard shard(settings, workers, {made.storages[0].get(), &device});
  ByteWriter grant;
  InsertGrant{100000}.Encode(grant);
  shard.Handle({kCoordinatorAddress, shard.Address(), MessageKind::kInsertGrant, grant.Take()}, {},
               cluster);
  const auto say = [&](std::uint64_t connection, std::uint64_t incarnation,
                       std::uint64_t sequence) {
    shard.OnConnect(ConnectionId(connection), {});
    Hello hello;
    hello.token = "secret";
    hello.incarnation = incarnation;
    hello.environment = CounterSpec();
    ByteWriter body;
    hello.Encode(body);
    shard.OnFrame(ConnectionId(connection), FrameKind::kHello, body.Take(), {}, cluster);
    shard.OnFrame(ConnectionId(connection), FrameKind::kChunk,
                  MakeChunk(incarnation, sequence, 5000, kItems).Encode(CounterSpec()), {},
                  cluster);
  };
  // Worker 1 had 4 chunks stored in shard 0; the fifth, and the first, sent again.
  const auto before = shard.Store().Inserted();
  say(1, 1, 5);
  say(2, 1, 1);
  EXPECT_EQ(workers.All<Welcome>(1, FrameKind::kWelcome).at(0).last_sequence, 0U);
  EXPECT_NE(workers.closed[1].find("dealt out"), std::string::npos) << workers.closed[1];
  EXPECT_TRUE(workers.closed.contains(2));
  EXPECT_EQ(shard.Store().Inserted(), before);
  say(3, 99, 1);
  EXPECT_FALSE(workers.closed.contains(3)) << workers.closed[3];
  EXPECT_EQ(shard.Store().Inserted(), before + kItems);
}

}  // namespace
}  // namespace stillhouse::replay
