#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace stillhouse::replay {

/// The folder of one shard's log as the log sees a file system: plain names, no paths. Everything
/// throws StorageError, naming file and reason. One thread at a time.
///
/// What a crash leaves: of a file, what was appended before the last Sync of it, and any part of
/// what came later when the machine loses power; everything appended when only the process dies,
/// but perhaps a part of the Append under way. Names: what was there at the last Sync of a new
/// file, Rename or Remove, or later.
class SegmentStorage {
 public:
  virtual ~SegmentStorage() = default;
  /// Names of the files, sorted.
  virtual std::vector<std::string> List() const = 0;
  virtual std::vector<std::uint8_t> Read(const std::string& name) const = 0;
  /// It will be read soon: the disk may begin.
  virtual void WillRead(const std::string& /*name*/) const {}
  virtual std::uint64_t Size(const std::string& name) const = 0;
  /// A new empty file; one of this name is replaced.
  virtual void Create(const std::string& name) = 0;
  virtual void Append(const std::string& name, std::span<const std::uint8_t> bytes) = 0;
  /// The file's contents and its entry in the folder are on the disk.
  virtual void Sync(const std::string& name) = 0;
  virtual void Truncate(const std::string& name, std::uint64_t size) = 0;
  /// Replaces `to`. A crash leaves one name or the other until a Sync of the new one.
  virtual void Rename(const std::string& from, const std::string& to) = 0;
  virtual void Remove(const std::string& name) = 0;
  /// For messages.
  virtual std::string Describe(const std::string& name) const = 0;
};

}  // namespace stillhouse::replay
