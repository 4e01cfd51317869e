#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "replay/chunk.h"
#include "replay/log/segment_format.h"
#include "replay/log/segment_storage.h"

namespace stillhouse::replay {

/// What a look at one segment found.
struct SegmentFindings {
  std::string name;
  std::uint64_t bytes = 0;
  std::optional<SegmentHeader> header;  ///< none: it is damaged
  std::uint64_t chunks = 0;
  std::uint64_t items = 0;
  std::uint64_t sound_bytes = 0;  ///< from the front
  std::string damage;             ///< of what follows them; empty: none
  /// The newest segment's end is a record that is not whole: a run is writing it, or was cut off
  /// there. Nothing of it was acknowledged.
  bool unfinished = false;
};

/// What a look at one shard's log found.
struct LogFindings {
  std::vector<SegmentFindings> segments;  ///< oldest first
  std::vector<std::string> damaged;       ///< names of files that recovery has set aside
  std::vector<std::string> errors;        ///< damage, gaps, chunks that are there twice
  std::uint64_t bytes = 0;
  std::uint64_t items = 0;
  std::uint64_t workers = 0;  ///< incarnations whose chunks are here
};

/// Reads a log without changing it, also while a run writes it: a segment that goes away meanwhile
/// is left out. `on_chunk` gets every sound chunk in order. Throws StorageError when the folder
/// cannot be read.
LogFindings ScanLog(
    const SegmentStorage& storage,
    const std::function<void(const SegmentHeader&, const ChunkView&, ItemHandle)>& on_chunk);

}  // namespace stillhouse::replay
