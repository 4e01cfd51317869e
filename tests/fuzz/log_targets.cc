// What a shard keeps on disk: segments, files of priorities, its part of a checkpoint.
#include <cstring>

#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "replay/log/log_cursor.h"
#include "replay/log/priority_snapshot.h"
#include "replay/log/recovery.h"
#include "replay/log/scan.h"
#include "replay/log/segment_format.h"
#include "replay/shard.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/replay/chunk_maker.h"
#include "tests/replay/log/memory_storage.h"

namespace stillhouse::fuzz {
namespace {

using namespace replay;

constexpr std::uint64_t kWorker = 7;
constexpr std::uint32_t kItems = 3;
constexpr std::uint32_t kNStep = 3;
constexpr std::uint16_t kShard = 2;

/// Counts what recovery gives.
struct Counter final : RecoverySink {
  void Restart(ItemHandle) override { items = 0; }
  void OnChunk(const ChunkView& chunk, ItemHandle) override { items += chunk.Items(); }
  void OnPriorities(ItemHandle, double, std::span<const double>) override {}
  std::uint64_t items = 0;
};

struct Nobody final : WorkerOutbox {
  void Send(ConnectionId, FrameKind, std::vector<std::uint8_t>) override {}
  void Close(ConnectionId, std::string_view) override {}
  void SetReading(ConnectionId, bool) override {}
};

RecoverySettings Recovery() {
  RecoverySettings settings;
  settings.shard = kShard;
  settings.environment = CounterSpec();
  settings.n_step = kNStep;
  return settings;
}

ShardSettings Settings() {
  ShardSettings settings;
  settings.index = kShard;
  settings.shards = 4;
  settings.config.replay.capacity = 64;
  settings.config.replay.n_step = kNStep;
  settings.config.replay.durability = Durability::kAsync;
  settings.environment = CounterSpec();
  settings.token = "secret";
  return settings;
}

/// What recovery has mended is sound: a second one finds the same, all of it can be dealt out to
/// other shards, and a shard can start on it.
void RecoverTwice(MemoryStorage& storage) {
  ScanLog(storage, [](const SegmentHeader&, const ChunkView&, ItemHandle) {});
  Counter first;
  const auto recovered = RecoverLog(storage, Recovery(), first);
  Counter second;
  const auto again = RecoverLog(storage, Recovery(), second);
  if (first.items != second.items || recovered.head != again.head) {
    throw std::logic_error(fmt::format("{} items to {} recovered, then {} to {}", first.items,
                                       recovered.head, second.items, again.head));
  }
  LogCursor cursor(storage, again.start.segments, again.head - again.items);
  std::uint64_t dealt = 0;
  while (const auto entry = cursor.Next()) {
    dealt += ChunkView(entry->chunk, CounterSpec(), kNStep).Items();
  }
  // Segments whose handles go back (none that a shard has written) may hold more than counts.
  if (dealt < again.items) {
    throw std::logic_error(fmt::format("{} items recovered, {} dealt out", again.items, dealt));
  }
  Nobody nobody;
  DirectDevice device(storage, false);
  const Shard shard(Settings(), nobody, {&storage, &device});
}

/// length of the first segment u16, first segment, second segment
MemoryStorage Folder(std::span<const std::uint8_t> input) {
  MemoryStorage storage;
  if (input.size() < 2) return storage;
  const std::size_t length = input[0] | input[1] << 8U;
  const auto files = input.subspan(2);
  const std::size_t cut = std::min(length, files.size());
  const auto put = [&storage](std::uint64_t number, std::span<const std::uint8_t> bytes) {
    storage.files[SegmentName(number)] = {bytes.begin(), bytes.end()};
  };
  put(1, files.first(cut));
  if (cut < files.size()) put(2, files.subspan(cut));
  return storage;
}

Bytes Segment(std::uint64_t number, ItemHandle first, int chunks) {
  SegmentHeader header;
  header.shard = kShard;
  header.number = number;
  header.first_handle = first;
  header.n_step = kNStep;
  header.environment = CounterSpec();
  header.sequences = {{kWorker, first / kItems}, {9, 4}};
  Bytes bytes = EncodeSegmentHeader(header);
  for (int i = 0; i < chunks; ++i) {
    const auto chunk = MakeChunk(kWorker, first / kItems + 1, first, kItems).Encode(CounterSpec());
    AppendRecord(bytes, RecordKind::kChunk, first, chunk);
    first += kItems;
  }
  ByteWriter priorities;
  priorities.Put(0.6);
  for (std::uint32_t i = 0; i < kItems; ++i) priorities.Put(1.5 * i);
  AppendRecord(bytes, RecordKind::kPriorities, first - kItems, priorities.Take());
  return bytes;
}

Bytes TwoSegments(const Bytes& first, const Bytes& second) {
  Bytes input = {static_cast<std::uint8_t>(first.size()),
                 static_cast<std::uint8_t>(first.size() >> 8U)};
  input.insert(input.end(), first.begin(), first.end());
  input.insert(input.end(), second.begin(), second.end());
  return input;
}

void PutCrc(std::span<std::uint8_t> at, std::uint32_t crc) { std::memcpy(at.data(), &crc, 4); }

/// Header and records, as long as their lengths make sense.
void RepairSegment(std::span<std::uint8_t> bytes) {
  if (bytes.size() < 10) return;
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 6, 4);
  if (length < 14 || length > bytes.size()) return;
  PutCrc(bytes.subspan(length - 4), Crc32c(bytes.first(length - 4)));
  bytes = bytes.subspan(length);
  while (bytes.size() >= kRecordHeaderBytes) {
    std::memcpy(&length, bytes.data() + 4, 4);
    if (length > bytes.size() - kRecordHeaderBytes) return;
    PutCrc(bytes, Crc32c(bytes.subspan(4, kRecordHeaderBytes - 4 + length)));
    bytes = bytes.subspan(kRecordHeaderBytes + length);
  }
}

FuzzTarget Segments() {
  FuzzTarget target{.name = "segments", .read = [](auto input, std::string& why) {
                      MemoryStorage storage = Folder(input);
                      return Accepts<StorageError>(why, [&] { RecoverTwice(storage); });
                    }};
  target.seeds = {TwoSegments(Segment(1, 0, 2), Segment(2, 6, 2)),
                  TwoSegments(Segment(1, 30, 1), {}),
                  TwoSegments(Segment(1, 0, 1), Segment(2, 9, 1))};
  target.repair = [](Bytes& input) {
    if (input.size() < 2) return;
    const std::span files = std::span(input).subspan(2);
    const std::size_t cut = std::min<std::size_t>(input[0] | input[1] << 8U, files.size());
    RepairSegment(files.first(cut));
    RepairSegment(files.subspan(cut));
  };
  target.memory_constant = std::size_t{2} << 20U;
  return target;
}

/// The four bytes at the end.
void RepairEnd(Bytes& input) {
  if (input.size() < 4) return;
  PutCrc(std::span(input).last(4), Crc32c(std::span(input).first(input.size() - 4)));
}

FuzzTarget Priorities() {
  FuzzTarget target{.name = "priorities", .read = [](auto input, std::string& why) {
                      return Accepts<WireError>(
                          why, [&] { PrioritySnapshot::Decode(input, "priorities"); });
                    }};
  ByteWriter out;
  out.Put(std::uint32_t{0x52504853});
  out.Put(std::uint16_t{1});
  out.Put(kShard);
  out.Put(0.6);
  out.Put(std::uint64_t{6});
  out.Put(std::uint64_t{3});
  for (const double priority : {0.5, 1.0, 2.0}) out.Put(priority);
  out.Put(std::uint32_t{0});
  target.seeds = {out.Take()};
  RepairEnd(target.seeds.front());
  target.repair = RepairEnd;
  return target;
}

FuzzTarget ShardStates() {
  FuzzTarget target{.name = "shard_state", .read = [](auto input, std::string& why) {
                      return Accepts<WireError>(why, [&] {
                        const Bytes again = ShardState::Decode(input).Encode();
                        if (!std::equal(again.begin(), again.end(), input.begin(), input.end())) {
                          throw std::logic_error("written again it is other bytes");
                        }
                      });
                    }};
  ShardState state;
  state.shard = kShard;
  state.head = 9;
  state.tail = 6;
  state.file = SnapshotName(3);
  target.seeds = {state.Encode()};
  target.words = {".pri", "0000000001.pri"};
  return target;
}

}  // namespace

std::vector<FuzzTarget> LogTargets() { return {Segments(), Priorities(), ShardStates()}; }

}  // namespace stillhouse::fuzz
