#include "replay/log/segment_log.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "common/base/byte_io.h"
#include "common/base/error.h"

namespace stillhouse::replay {
namespace {
constexpr const char* kSnapshotSuffix = ".pri";
}

std::string SnapshotName(std::uint64_t number) {
  return fmt::format("{:010}{}", number, kSnapshotSuffix);
}

std::optional<std::uint64_t> SnapshotNumber(const std::string& name) {
  if (!name.ends_with(kSnapshotSuffix)) return std::nullopt;
  const char* const end = name.data() + name.size() - std::strlen(kSnapshotSuffix);
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(name.data(), end, number);
  if (parsed.ec != std::errc{} || parsed.ptr != end || SnapshotName(number) != name) {
    return std::nullopt;
  }
  return number;
}

SegmentLog::SegmentLog(SegmentLogSettings settings, LogDevice& device, LogStart start)
    : settings_(std::move(settings)),
      device_(device),
      segments_(std::move(start.segments)),
      next_segment_(start.next_segment),
      next_snapshot_(start.next_snapshot),
      snapshots_(std::move(start.snapshots)) {}

LogPosition SegmentLog::Submit(StorageOperation operation) {
  submitted_ = device_.Submit(std::move(operation));
  return submitted_;
}

void SegmentLog::ThrowIfFailed() {
  const std::string error = device_.Error();
  if (!error.empty()) throw StorageError(error);
}

LogPosition SegmentLog::Append(ItemHandle first, std::uint32_t items,
                               std::span<const std::uint8_t> chunk,
                               const std::function<WorkerSequences()>& sequences) {
  const bool full = bytes_ >= settings_.segment_bytes || items_ >= settings_.segment_items;
  if (!open_ || full) Roll(first, sequences());
  std::vector<std::uint8_t> record;
  record.reserve(kRecordHeaderBytes + chunk.size());
  AppendRecord(record, RecordKind::kChunk, first, chunk);
  bytes_ += record.size();
  items_ += items;
  return Submit({StorageOperation::Kind::kAppend, SegmentName(Newest()), {}, std::move(record)});
}

void SegmentLog::AppendPriorities(ItemHandle first, double alpha,
                                  std::span<const double> priorities) {
  SH_CHECK(open_, "priorities before any chunk");
  ByteWriter body((1 + priorities.size()) * sizeof(double));
  body.Put(alpha);
  body.PutArray(priorities);
  std::vector<std::uint8_t> record;
  AppendRecord(record, RecordKind::kPriorities, first, body.Take());
  bytes_ += record.size();
  Submit({StorageOperation::Kind::kAppend, SegmentName(Newest()), {}, std::move(record)});
}

void SegmentLog::Roll(ItemHandle first, const WorkerSequences& sequences) {
  // Only the newest segment may end in a torn record, whatever the durability: the one before it is
  // on the disk before the next one is there.
  if (open_) Submit({StorageOperation::Kind::kSync, SegmentName(Newest()), {}, {}});
  SegmentHeader header;
  header.shard = settings_.shard;
  header.number = next_segment_++;
  header.first_handle = first;
  header.n_step = settings_.n_step;
  header.environment = settings_.environment;
  header.sequences = sequences;
  const std::string name = SegmentName(header.number);
  auto bytes = EncodeSegmentHeader(header);
  bytes_ = bytes.size();
  items_ = 0;
  open_ = true;
  segments_.push_back({header.number, first});
  Submit({StorageOperation::Kind::kCreate, name, {}, {}});
  Submit({StorageOperation::Kind::kAppend, name, {}, std::move(bytes)});
}

void SegmentLog::Retire(ItemHandle tail) {
  tail = std::min(tail, floor_);
  while (segments_.size() > 1 && segments_[1].first_handle <= tail) {
    Submit({StorageOperation::Kind::kRemove, SegmentName(segments_.front().number), {}, {}});
    segments_.pop_front();
  }
}

std::string SegmentLog::BeginSnapshot() {
  std::string name = SnapshotName(next_snapshot_++);
  Submit({StorageOperation::Kind::kCreate, name + kUnfinishedSuffix, {}, {}});
  return name;
}

void SegmentLog::AppendSnapshot(const std::string& name, std::vector<std::uint8_t> bytes) {
  Submit({StorageOperation::Kind::kAppend, name + kUnfinishedSuffix, {}, std::move(bytes)});
}

LogPosition SegmentLog::FinishSnapshot(const std::string& name) {
  if (settings_.sync_snapshots) {
    Submit({StorageOperation::Kind::kSync, name + kUnfinishedSuffix, {}, {}});
  }
  LogPosition done = Submit({StorageOperation::Kind::kRename, name + kUnfinishedSuffix, name, {}});
  if (settings_.sync_snapshots) done = Submit({StorageOperation::Kind::kSync, name, {}, {}});
  snapshots_.push_back(name);
  while (snapshots_.size() > settings_.snapshots_kept) {
    Submit({StorageOperation::Kind::kRemove, snapshots_.front(), {}, {}});
    snapshots_.pop_front();
  }
  return done;
}

}  // namespace stillhouse::replay
