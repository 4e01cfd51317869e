#include "replay/log/log_cursor.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/byte_io.h"
#include "common/base/error.h"
#include "replay/priority.h"

namespace stillhouse::replay {

LogCursor::LogCursor(const SegmentStorage& storage, std::deque<LiveSegment> segments,
                     ItemHandle begin)
    : storage_(storage), segments_(std::move(segments)), begin_(begin) {}

std::optional<RecordView> LogCursor::Read() {
  while (true) {
    if (reader_) {
      if (const auto record = reader_->Next()) return record;
      if (!reader_->Damage().empty()) {
        throw StorageError(
            fmt::format("{}: {}: it changes while it is read", name_, reader_->Damage()));
      }
    }
    if (segments_.empty()) return std::nullopt;
    const std::string file = SegmentName(segments_.front().number);
    segments_.pop_front();
    name_ = storage_.Describe(file);
    bytes_ = storage_.Read(file);
    try {
      reader_.emplace(bytes_, name_);
    } catch (const WireError& error) {
      throw StorageError(error.what());
    }
  }
}

std::optional<LogCursor::Entry> LogCursor::Next() {
  std::optional<RecordView> record = std::exchange(ahead_, std::nullopt);
  if (!record) record = Read();
  while (record && (record->kind != RecordKind::kChunk || record->handle < begin_)) record = Read();
  if (!record) return std::nullopt;
  Entry entry{record->handle, record->body, {}};
  // Priorities stand in the same segment as their chunk: nothing else has to be looked at.
  ahead_ = reader_->Next();
  while (ahead_ && ahead_->kind == RecordKind::kPriorities && ahead_->handle == entry.first) {
    entry.priorities = DecodePriorities(ahead_->body);
    ahead_ = reader_->Next();
  }
  return entry;
}

RaisedPriorities DecodePriorities(std::span<const std::uint8_t> body) {
  ByteReader in(body, "a record of priorities");
  RaisedPriorities priorities;
  priorities.alpha = in.Get<double>();
  priorities.values = in.GetArray<double>(in.Left() / sizeof(double));
  in.ExpectEnd();
  if (!std::isfinite(priorities.alpha) ||
      !std::all_of(priorities.values.begin(), priorities.values.end(), IsPriority)) {
    in.Fail("a priority is negative or not finite");
  }
  return priorities;
}

}  // namespace stillhouse::replay
