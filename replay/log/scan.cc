#include "replay/log/scan.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/error.h"

namespace stillhouse::replay {
namespace {

using OnChunk = std::function<void(const SegmentHeader&, const ChunkView&, ItemHandle)>;

class Scan {
 public:
  Scan(const SegmentStorage& storage, const OnChunk& on_chunk)
      : storage_(storage), on_chunk_(on_chunk) {}

  LogFindings Run() {
    std::vector<std::string> names;
    for (const auto& name : storage_.List()) {
      if (SegmentNumber(name)) names.push_back(name);
      if (name.ends_with(".damaged")) findings_.damaged.push_back(name);
    }
    for (const auto& name : names) Look(name, name == names.back());
    findings_.workers = newest_.size();
    return std::move(findings_);
  }

 private:
  void Look(const std::string& name, bool newest);
  void LookAtRecords(SegmentReader& reader, bool newest, SegmentFindings& segment);
  /// Why the record is not what may stand there; empty: it may.
  std::string LookAtChunk(const RecordView& record, SegmentFindings& segment);

  const SegmentStorage& storage_;
  const OnChunk& on_chunk_;
  LogFindings findings_;
  std::optional<ItemHandle> head_;
  std::set<std::uint64_t> closed_;                 ///< their sequences are those of other shards
  std::map<std::uint64_t, std::uint64_t> newest_;  ///< sequence of each incarnation
};

void Scan::Look(const std::string& name, bool newest) {
  SegmentFindings segment;
  segment.name = name;
  std::vector<std::uint8_t> bytes;
  try {
    bytes = storage_.Read(name);
  } catch (const StorageError&) {
    const auto names = storage_.List();
    if (std::find(names.begin(), names.end(), name) != names.end()) throw;
    return;  // its items have left the store meanwhile
  }
  segment.bytes = bytes.size();
  findings_.bytes += bytes.size();
  try {
    SegmentReader reader(bytes, storage_.Describe(name));
    segment.header = reader.Header();
    LookAtRecords(reader, newest, segment);
  } catch (const WireError& error) {
    segment.damage = error.what();
    segment.unfinished = newest && bytes.size() < kRecordHeaderBytes;
  }
  if (!segment.damage.empty() && !segment.unfinished) {
    findings_.errors.push_back(fmt::format("{}: byte {} of {}: {}", storage_.Describe(name),
                                           segment.sound_bytes, segment.bytes, segment.damage));
  }
  findings_.items += segment.items;
  findings_.segments.push_back(std::move(segment));
}

void Scan::LookAtRecords(SegmentReader& reader, bool newest, SegmentFindings& segment) {
  const SegmentHeader& header = reader.Header();
  if (head_ && *head_ != header.first_handle) {
    findings_.errors.push_back(fmt::format("{}: begins with item {}, item {} was to follow",
                                           storage_.Describe(segment.name), header.first_handle,
                                           *head_));
  }
  head_ = header.first_handle;
  for (const auto& [incarnation, sequence] : header.sequences) {
    if (sequence == kClosedSequence) closed_.insert(incarnation);
  }
  segment.sound_bytes = reader.Position();
  while (const auto record = reader.Next()) {
    if (record->kind == RecordKind::kChunk) segment.damage = LookAtChunk(*record, segment);
    if (!segment.damage.empty()) return;
    segment.sound_bytes = reader.Position();
  }
  segment.damage = reader.Damage();
  segment.unfinished = newest && !segment.damage.empty();
}

std::string Scan::LookAtChunk(const RecordView& record, SegmentFindings& segment) {
  if (record.handle != *head_) {
    return fmt::format("a chunk begins with item {}, item {} was to follow", record.handle, *head_);
  }
  try {
    const ChunkView chunk(record.body, segment.header->environment, segment.header->n_step);
    auto& newest = newest_[chunk.IncarnationValue()];
    const bool closed = closed_.contains(chunk.IncarnationValue());
    if (!closed && chunk.Sequence() <= newest) {
      findings_.errors.push_back(fmt::format(
          "{}: chunk {} of worker {:016x} comes after chunk {}: it is there twice",
          storage_.Describe(segment.name), chunk.Sequence(), chunk.IncarnationValue(), newest));
    }
    newest = std::max(newest, chunk.Sequence());
    if (on_chunk_) on_chunk_(*segment.header, chunk, record.handle);
    *head_ += chunk.Items();
    segment.items += chunk.Items();
    ++segment.chunks;
  } catch (const WireError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

LogFindings ScanLog(const SegmentStorage& storage, const OnChunk& on_chunk) {
  return Scan(storage, on_chunk).Run();
}

}  // namespace stillhouse::replay
