#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "replay/log/segment_storage.h"

namespace stillhouse::replay {

/// A folder of a file system. Made when it is not there; locked for one process at a time.
class PosixStorage final : public SegmentStorage {
 public:
  enum class Mode { kReadOnly, kOwner };
  /// Throws StorageError: the folder cannot be made, or (kOwner) another process owns it.
  explicit PosixStorage(std::filesystem::path folder, Mode mode = Mode::kOwner);
  ~PosixStorage() override;
  PosixStorage(const PosixStorage&) = delete;
  PosixStorage& operator=(const PosixStorage&) = delete;

  std::vector<std::string> List() const override;
  std::vector<std::uint8_t> Read(const std::string& name) const override;
  void WillRead(const std::string& name) const override;
  std::uint64_t Size(const std::string& name) const override;
  void Create(const std::string& name) override;
  void Append(const std::string& name, std::span<const std::uint8_t> bytes) override;
  void Sync(const std::string& name) override;
  void Truncate(const std::string& name, std::uint64_t size) override;
  void Rename(const std::string& from, const std::string& to) override;
  void Remove(const std::string& name) override;
  std::string Describe(const std::string& name) const override;

 private:
  struct File {
    int descriptor = -1;
    std::uint64_t size = 0;
    bool entry_synced = false;  ///< the folder's entry is on the disk
  };
  File& Open(const std::string& name);
  void Close(const std::string& name);
  void SyncFolder() const;

  std::filesystem::path folder_;
  int lock_ = -1;
  std::map<std::string, File> open_;  ///< files that are appended to
};

}  // namespace stillhouse::replay
