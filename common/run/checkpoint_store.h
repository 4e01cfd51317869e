#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/run/checkpoint_manifest.h"

namespace stillhouse {

/// One checkpoint: its files by name, in memory. All of it or nothing counts.
struct Checkpoint {
  CheckpointFacts facts;
  std::map<std::string, std::vector<std::uint8_t>> files;
};

/// Checkpoints of one run, in `<run directory>/checkpoints/<updates>/` (docs/formats.md).
///
/// A checkpoint is a transaction: its files and then MANIFEST.json, with their sizes and CRC32C,
/// are written and synced in `<updates>.partial/`, which is renamed into place at last. A crash at
/// any moment leaves the earlier checkpoints as they were, and a directory that is not valid is
/// never taken for one.
class CheckpointStore {
 public:
  explicit CheckpointStore(std::filesystem::path run_directory);

  /// Writes it, then removes all but the newest `keep` (> 0) and what crashes left behind. Throws
  /// StorageError, with every earlier checkpoint intact.
  std::filesystem::path Write(const Checkpoint& checkpoint, std::size_t keep) const;

  /// Directories that claim to be checkpoints, newest first. Throws StorageError.
  std::vector<std::filesystem::path> List() const;

  /// Reads and checks one. Throws StorageError or WireError, naming file and reason.
  static Checkpoint Read(const std::filesystem::path& directory);

  /// The newest checkpoint that is whole; `skipped` hears of each newer one that is not, and why.
  std::optional<Checkpoint> ReadNewest(
      const std::function<void(const std::string& reason)>& skipped) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace stillhouse
