// A file of priorities, `<number, 10 digits>.pri`:
//   "SHPR" u32, format u16 = 1, shard u16, alpha f64, first handle u64, count u64,
//   f64 priority^alpha [count], crc u32 of everything before it
// A shard's part of a checkpoint, `shard-<k>.state`:
//   "SHRS" u32, format u16 = 1, shard u16, head u64, tail u64, file string, bytes u64,
//   crc u32, the one that the file ends with
#include "replay/log/priority_snapshot.h"

#include <algorithm>
#include <cmath>

#include "common/base/byte_io.h"
#include "common/base/crc32c.h"
#include "replay/priority.h"

namespace stillhouse::replay {
namespace {
constexpr std::uint32_t kFileMagic = 0x52504853;   // "SHPR"
constexpr std::uint32_t kStateMagic = 0x53524853;  // "SHRS"
constexpr std::uint16_t kFormat = 1;
constexpr std::size_t kCrcBytes = 4;
/// A slice is as long as a sample or two take, so that nobody waits for it; a large store has
/// longer ones, so that a shard (a slice every 1 to 2 ms) has done in about a second.
constexpr std::uint64_t kLeastSlice = 1024;
constexpr std::uint64_t kMostSlice = 16384;
constexpr std::uint64_t kSlices = 512;

void ExpectFormat(ByteReader& in, std::uint32_t magic) {
  if (in.Get<std::uint32_t>() != magic) in.Fail("not such a file");
  if (const auto format = in.Get<std::uint16_t>(); format != kFormat) {
    in.Fail(fmt::format("format {}, this program reads {}", format, kFormat));
  }
}
}  // namespace

std::vector<std::uint8_t> ShardState::Encode() const {
  ByteWriter out;
  out.Put(kStateMagic);
  out.Put(kFormat);
  out.Put(shard);
  out.Put(head);
  out.Put(tail);
  out.PutString(file);
  out.Put(file_bytes);
  out.Put(file_crc);
  return out.Take();
}

ShardState ShardState::Decode(std::span<const std::uint8_t> bytes) {
  ByteReader in(bytes, "a shard's part of a checkpoint");
  ExpectFormat(in, kStateMagic);
  ShardState state;
  state.shard = in.Get<std::uint16_t>();
  state.head = in.Get<std::uint64_t>();
  state.tail = in.Get<std::uint64_t>();
  state.file = in.GetString();
  state.file_bytes = in.Get<std::uint64_t>();
  state.file_crc = in.Get<std::uint32_t>();
  in.ExpectEnd();
  if (state.tail > state.head) in.Fail("the tail lies beyond the head");
  if (!SnapshotNumber(state.file))
    in.Fail(fmt::format("'{}' is no file of priorities", state.file));
  return state;
}

PriorityWriter::PriorityWriter(std::uint16_t shard, const ItemStore& store, double alpha,
                               SegmentLog& log)
    : log_(log),
      next_(store.Tail()),
      slice_(std::clamp(store.Size() / kSlices, kLeastSlice, kMostSlice)) {
  state_.shard = shard;
  state_.head = store.Inserted();
  state_.tail = store.Tail();
  state_.file = log_.BeginSnapshot();
  ByteWriter out;
  out.Put(kFileMagic);
  out.Put(kFormat);
  out.Put(shard);
  out.Put(alpha);
  out.Put(state_.tail);
  out.Put(state_.head - state_.tail);
  Hand(out.Take());
}

void PriorityWriter::Hand(std::vector<std::uint8_t> bytes) {
  crc_ = Crc32c(bytes, crc_);
  state_.file_bytes += bytes.size();
  log_.AppendSnapshot(state_.file, std::move(bytes));
}

bool PriorityWriter::Step(const ItemStore& store) {
  if (next_ < state_.head) {
    const auto count = std::min(slice_, state_.head - next_);
    std::vector<double> priorities(count, 0);  // items that have left meanwhile stay 0
    store.ReadPriorities(next_, priorities);
    ByteWriter out(count * sizeof(double));
    out.PutArray(std::span<const double>(priorities));
    Hand(out.Take());
    next_ += count;
  }
  if (next_ < state_.head) return false;
  state_.file_crc = crc_;
  ByteWriter last;
  last.Put(crc_);
  Hand(last.Take());
  position_ = log_.FinishSnapshot(state_.file);
  return true;
}

PrioritySnapshot PrioritySnapshot::Decode(std::span<const std::uint8_t> bytes,
                                          const std::string& what) {
  ByteReader in(bytes, what);
  ExpectFormat(in, kFileMagic);
  PrioritySnapshot snapshot;
  in.Get<std::uint16_t>();  // the shard: for people
  snapshot.alpha = in.Get<double>();
  snapshot.first = in.Get<std::uint64_t>();
  const auto count = in.Get<std::uint64_t>();
  if (in.Left() < kCrcBytes || count != (in.Left() - kCrcBytes) / sizeof(double)) {
    in.Fail(fmt::format("{} priorities in {} bytes", count, in.Left()));
  }
  snapshot.priorities = in.GetArray<double>(count);
  const std::uint32_t crc = Crc32c(bytes.first(bytes.size() - in.Left()));
  if (in.Get<std::uint32_t>() != crc) in.Fail("the checksum does not fit");
  in.ExpectEnd();
  const bool sound =
      std::all_of(snapshot.priorities.begin(), snapshot.priorities.end(), IsPriority);
  if (!sound || !std::isfinite(snapshot.alpha)) in.Fail("a priority is negative or not finite");
  return snapshot;
}

std::optional<double> WithExponent(double priority, double from_alpha, double to_alpha) {
  if (from_alpha == to_alpha) return priority;
  if (from_alpha == 0) return std::nullopt;
  const double raised = std::pow(priority, to_alpha / from_alpha);
  if (!std::isfinite(raised)) return std::nullopt;
  return raised;
}

}  // namespace stillhouse::replay
