#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "replay/log/recovery.h"
#include "replay/log/segment_log.h"
#include "tests/replay/chunk_maker.h"
#include "tests/replay/log/memory_storage.h"

namespace stillhouse::replay {

/// Writes down what recovery gives.
class RecordingSink final : public RecoverySink {
 public:
  void Restart(ItemHandle first) override {
    begin = next = first;
    sequences.clear();
    priorities.clear();
  }
  void OnChunk(const ChunkView& chunk, ItemHandle first) override {
    EXPECT_EQ(first, next);
    next += chunk.Items();
    sequences.push_back(chunk.Sequence());
  }
  void OnPriorities(ItemHandle, double, std::span<const double> values) override {
    priorities.insert(priorities.end(), values.begin(), values.end());
  }
  ItemHandle begin = 0;
  ItemHandle next = 0;
  std::vector<std::uint64_t> sequences;
  std::vector<double> priorities;
};

/// A log of worker 7's chunks of 10 items, 25 items a segment: three chunks in each.
class LogTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kWorker = 7;
  static constexpr std::uint32_t kItems = 10;

  SegmentLogSettings Settings() const {
    SegmentLogSettings settings;
    settings.shard = 3;
    settings.n_step = 3;
    settings.environment = CounterSpec();
    settings.segment_items = 25;
    settings.snapshots_kept = 2;
    return settings;
  }
  static RecoverySettings Recovery() {
    RecoverySettings settings;
    settings.shard = 3;
    settings.environment = CounterSpec();
    settings.n_step = 3;
    return settings;
  }
  void Open(LogStart start = {}) { log.emplace(Settings(), device, std::move(start)); }
  /// Appends the worker's next chunks.
  void Append(int chunks) {
    for (int i = 0; i < chunks; ++i) {
      const auto bytes =
          MakeChunk(kWorker, sequence + 1, sequence * kItems, kItems).Encode(CounterSpec());
      log->Append(sequence * kItems, kItems, bytes, [this] {
        return WorkerSequences{{kWorker, sequence}};
      });
      ++sequence;
    }
  }
  RecoveredLog Recover() { return RecoverLog(storage, Recovery(), sink); }
  std::vector<std::uint8_t>& File(int number) {
    return storage.files.at(SegmentName(static_cast<std::uint64_t>(number)));
  }

  MemoryStorage storage;
  DirectDevice device{storage, false};
  std::optional<SegmentLog> log;
  std::uint64_t sequence = 0;
  RecordingSink sink;
};

}  // namespace stillhouse::replay
