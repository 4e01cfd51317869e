#include "replay/log/recovery.h"

#include <algorithm>
#include <map>

#include "common/base/error.h"
#include "common/base/failpoint.h"
#include "replay/log/log_cursor.h"

namespace stillhouse::replay {
namespace {

constexpr const char* kDamagedSuffix = ".damaged";
constexpr std::size_t kReadAhead = 2;  ///< segments

std::string Misfit(const SegmentHeader& header, const RecoverySettings& settings) {
  if (header.shard != settings.shard) {
    return fmt::format("a segment of shard {}, this is shard {}", header.shard, settings.shard);
  }
  if (header.environment == settings.environment && header.n_step == settings.n_step) return {};
  return fmt::format(
      "it holds {} with {} actions of {} at n_step {}, this job stores {} with {} actions of {} at "
      "n_step {}; go on with the same env and replay.n_step, or start afresh with --resume never",
      header.environment.observation.ToString(), header.environment.num_actions,
      header.environment.id, header.n_step, settings.environment.observation.ToString(),
      settings.environment.num_actions, settings.environment.id, settings.n_step);
}

/// One pass over a log.
class Recovery {
 public:
  Recovery(SegmentStorage& storage, const RecoverySettings& settings, RecoverySink& sink)
      : storage_(storage), settings_(settings), sink_(sink) {}

  RecoveredLog Run();

 private:
  void TakeNames();
  /// All segments in order. False: one had to be set aside after some of it had been taken.
  bool Pass();
  void DropRetired();
  /// False: nothing after it counts (the cut), or `again_` is set.
  bool TakeSegment(const std::string& name, std::uint64_t number, bool newest);
  /// Why a record is not what may follow; empty: it has been taken.
  std::string TakeRecord(const RecordView& record);
  std::string TakeChunk(const RecordView& record);
  std::string TakePriorities(const RecordView& record);
  void BeginAt(const SegmentHeader& header);
  /// Once, also when a later pass comes by the same place.
  void Note(const std::string& note);
  void SetAside(const std::string& name, const std::string& why);
  void CutTail(const std::string& name, std::uint64_t keep, std::uint64_t size,
               const std::string& why);

  SegmentStorage& storage_;
  const RecoverySettings& settings_;
  RecoverySink& sink_;
  std::vector<std::string> names_;                    ///< of the segments, oldest first
  std::map<std::uint64_t, std::uint64_t> sequences_;  ///< also of what is set aside
  bool again_ = false;
  std::uint64_t after_damaged_ = 1;  ///< the first number above those of damaged segments
  RecoveredLog result_;
};

void Recovery::TakeNames() {
  std::map<std::uint64_t, std::string> segments;
  std::map<std::uint64_t, std::string> snapshots;
  for (const auto& name : storage_.List()) {
    if (name.ends_with(kUnfinishedSuffix)) {
      storage_.Remove(name);
    } else if (const auto number = SegmentNumber(name)) {
      segments[*number] = name;
    } else if (const auto snapshot = SnapshotNumber(name)) {
      snapshots[*snapshot] = name;
    } else if (name.ends_with(kDamagedSuffix)) {
      // Its number is not used again.
      const auto before = SegmentNumber(name.substr(0, name.size() - 8));
      if (before) after_damaged_ = std::max(after_damaged_, *before + 1);
    }
  }
  result_.start.next_segment = after_damaged_;
  for (const auto& [number, name] : segments) {
    names_.push_back(name);
    result_.start.next_segment = std::max(result_.start.next_segment, number + 1);
  }
  for (const auto& [number, name] : snapshots) {
    if (settings_.cut_at && number > settings_.newest_snapshot) {
      storage_.Remove(name);
      continue;
    }
    result_.start.snapshots.push_back(name);
    result_.start.next_snapshot = number + 1;
  }
  if (settings_.cut_at) result_.start.next_snapshot = settings_.newest_snapshot + 1;
}

void Recovery::DropRetired() {
  while (names_.size() > 1) {
    const std::vector<std::uint8_t> bytes = storage_.Read(names_[1]);
    try {
      const SegmentReader next(bytes, storage_.Describe(names_[1]));
      if (next.Header().first_handle > settings_.drop_below) return;
    } catch (const WireError&) {
      return;  // reading it says what is wrong with it
    }
    storage_.Remove(names_.front());
    names_.erase(names_.begin());
  }
}

RecoveredLog Recovery::Run() {
  // What was taken from a segment before its damage has nothing on the disk any more once that is
  // set aside: from the beginning again, so that the store holds what the next recovery will find.
  while (!Pass()) {
    sink_.Restart(0);
    names_.clear();
    RecoveredLog fresh;
    fresh.notes = std::move(result_.notes);
    result_ = std::move(fresh);
  }
  // What was read may be in the page cache alone, and counts as kept from now on: the newest
  // segment is on the disk before there is a newer one.
  if (!result_.start.segments.empty()) {
    storage_.Sync(SegmentName(result_.start.segments.back().number));
  }
  for (const auto& entry : sequences_) result_.sequences.push_back(entry);
  return std::move(result_);
}

bool Recovery::Pass() {
  TakeNames();
  if (settings_.drop_below > 0) DropRetired();
  for (std::size_t i = 0; i < names_.size(); ++i) {
    // The disk reads while this thread fills the store.
    for (std::size_t next = i + 1; next < std::min(i + 1 + kReadAhead, names_.size()); ++next) {
      storage_.WillRead(names_[next]);
    }
    SH_FAILPOINT("recovery.segment");
    if (TakeSegment(names_[i], *SegmentNumber(names_[i]), i + 1 == names_.size())) continue;
    if (again_) {
      again_ = false;
      return false;
    }
    for (std::size_t later = i + 1; later < names_.size(); ++later) storage_.Remove(names_[later]);
    break;
  }
  if (settings_.cut_at) {
    // What is written next has the names that it had when it was written for the first time.
    const auto& segments = result_.start.segments;
    result_.start.next_segment =
        std::max(after_damaged_, segments.empty() ? 1 : segments.back().number + 1);
  }
  return true;
}

void Recovery::Note(const std::string& note) {
  const auto& notes = result_.notes;
  if (std::find(notes.begin(), notes.end(), note) == notes.end()) result_.notes.push_back(note);
}

void Recovery::BeginAt(const SegmentHeader& header) {
  if (result_.empty || header.first_handle != result_.head) {
    if (!result_.empty) {
      Note(fmt::format(
          "{}: it begins with item {}, item {} was to follow: {} older items are left out",
          storage_.Describe(SegmentName(header.number)), header.first_handle, result_.head,
          result_.items));
    }
    sink_.Restart(header.first_handle);
    result_.head = header.first_handle;
    result_.items = 0;
  }
  result_.empty = false;
  for (const auto& [incarnation, sequence] : header.sequences) {
    auto& known = sequences_[incarnation];
    known = std::max(known, sequence);
  }
  result_.start.segments.push_back({header.number, header.first_handle});
}

bool Recovery::TakeSegment(const std::string& name, std::uint64_t number, bool newest) {
  const std::vector<std::uint8_t> bytes = storage_.Read(name);
  std::optional<SegmentReader> reader;
  std::string damage;
  try {
    reader.emplace(bytes, storage_.Describe(name));
    if (reader->Header().number != number) {
      damage = fmt::format("it says that it is segment {}", reader->Header().number);
    }
  } catch (const WireError& error) {
    damage = error.what();
  }
  if (!damage.empty()) {
    // A crash between making the newest segment and writing its header leaves less than a header,
    // and no record can have followed.
    if (newest && bytes.size() < kRecordHeaderBytes) {
      storage_.Remove(name);
    } else {
      SetAside(name, damage);
    }
    return true;
  }
  if (const auto misfit = Misfit(reader->Header(), settings_); !misfit.empty()) {
    throw StorageError(fmt::format("{}: {}", storage_.Describe(name), misfit));
  }
  if (settings_.cut_at && reader->Header().first_handle >= *settings_.cut_at) {
    storage_.Remove(name);
    return false;
  }
  BeginAt(reader->Header());
  std::uint64_t keep = reader->Position();
  while (const auto record = reader->Next()) {
    if (settings_.cut_at && record->handle >= *settings_.cut_at) {
      storage_.Truncate(name, keep);
      return false;
    }
    damage = TakeRecord(*record);
    if (!damage.empty()) break;
    keep = reader->Position();
  }
  if (damage.empty()) damage = reader->Damage();
  if (damage.empty()) return true;
  if (newest) {
    CutTail(name, keep, bytes.size(), damage);
  } else {
    SetAside(name, damage);
    again_ = true;
    return false;
  }
  return true;
}

std::string Recovery::TakeRecord(const RecordView& record) {
  return record.kind == RecordKind::kChunk ? TakeChunk(record) : TakePriorities(record);
}

std::string Recovery::TakeChunk(const RecordView& record) {
  if (record.handle != result_.head) {
    return fmt::format("a chunk begins with item {}, item {} was to follow", record.handle,
                       result_.head);
  }
  SH_FAILPOINT("recovery.chunk");
  try {
    const ChunkView chunk(record.body, settings_.environment, settings_.n_step);
    sink_.OnChunk(chunk, record.handle);
    auto& known = sequences_[chunk.IncarnationValue()];
    known = std::max(known, chunk.Sequence());
    result_.head += chunk.Items();
    result_.items += chunk.Items();
  } catch (const WireError& error) {
    return error.what();
  }
  return {};
}

std::string Recovery::TakePriorities(const RecordView& record) {
  try {
    const RaisedPriorities priorities = DecodePriorities(record.body);
    sink_.OnPriorities(record.handle, priorities.alpha, priorities.values);
  } catch (const WireError& error) {
    return error.what();
  }
  return {};
}

void Recovery::SetAside(const std::string& name, const std::string& why) {
  result_.notes.push_back(fmt::format(
      "{}: damaged ({}): set aside as {}{}; what is newer is kept, what is older is lost",
      storage_.Describe(name), why, name, kDamagedSuffix));
  storage_.Rename(name, name + kDamagedSuffix);
}

void Recovery::CutTail(const std::string& name, std::uint64_t keep, std::uint64_t size,
                       const std::string& why) {
  result_.notes.push_back(fmt::format("{}: {} bytes of an unfinished record are cut off ({})",
                                      storage_.Describe(name), size - keep, why));
  storage_.Truncate(name, keep);
}

}  // namespace

RecoveredLog RecoverLog(SegmentStorage& storage, const RecoverySettings& settings,
                        RecoverySink& sink) {
  if (const auto misfit = WhyUnfit(storage, settings); !misfit.empty()) throw StorageError(misfit);
  return Recovery(storage, settings, sink).Run();
}

std::string WhyUnfit(const SegmentStorage& storage, const RecoverySettings& settings) {
  const auto names = storage.List();
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!SegmentNumber(*name)) continue;
    if (settings.expect_empty) {
      return fmt::format(
          "{}: the replay of another run is there; remove it, or name another "
          "replay.dir",
          storage.Describe(*name));
    }
    try {
      const auto bytes = storage.Read(*name);
      const SegmentReader reader(bytes, storage.Describe(*name));
      const auto misfit = Misfit(reader.Header(), settings);
      return misfit.empty() ? misfit : storage.Describe(*name) + ": " + misfit;
    } catch (const WireError&) {
      continue;  // recovery says what is wrong with it
    }
  }
  return {};
}

}  // namespace stillhouse::replay
