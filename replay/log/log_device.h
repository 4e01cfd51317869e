#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stillhouse::replay {

/// One change of the log's folder; see SegmentStorage.
struct StorageOperation {
  enum class Kind : std::uint8_t { kCreate, kAppend, kSync, kRename, kRemove };
  Kind kind = Kind::kAppend;
  std::string name;
  std::string target;                 ///< of kRename
  std::vector<std::uint8_t> bytes{};  ///< of kAppend
};

/// How many operations of a device have been submitted or done.
using LogPosition = std::uint64_t;

/// Does operations in order, in its own time: a thread with a disk, the simulator's disk, or at
/// once. Belongs to the thread of the shard.
class LogDevice {
 public:
  virtual ~LogDevice() = default;
  /// Never waits for the disk. The position that Done reaches when this operation has been done
  /// and holds as the durability mode promises.
  virtual LogPosition Submit(StorageOperation operation) = 0;
  /// Never waits.
  virtual LogPosition Done() = 0;
  /// Why the disk has refused an operation; empty: it has not. Nothing after that one is done, so
  /// what is on the disk stays a beginning of what was submitted.
  virtual std::string Error() = 0;
};

}  // namespace stillhouse::replay
