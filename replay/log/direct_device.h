#pragma once

#include <set>
#include <string>

#include "common/base/error.h"
#include "replay/log/log_device.h"
#include "replay/log/segment_storage.h"

namespace stillhouse::replay {

/// Does one operation on a storage.
inline void Perform(const StorageOperation& operation, SegmentStorage& storage) {
  switch (operation.kind) {
    case StorageOperation::Kind::kCreate:
      return storage.Create(operation.name);
    case StorageOperation::Kind::kAppend:
      return storage.Append(operation.name, operation.bytes);
    case StorageOperation::Kind::kSync:
      return storage.Sync(operation.name);
    case StorageOperation::Kind::kRename:
      return storage.Rename(operation.name, operation.target);
    case StorageOperation::Kind::kRemove:
      return storage.Remove(operation.name);
  }
}

/// Does everything at once, in the caller's thread: deterministic runs and tests.
class DirectDevice final : public LogDevice {
 public:
  /// `storage` is borrowed. `sync`: every append is followed by a Sync.
  DirectDevice(SegmentStorage& storage, bool sync) : storage_(storage), sync_(sync) {}
  LogPosition Submit(StorageOperation operation) override {
    ++submitted_;
    if (!error_.empty()) return submitted_;
    try {
      Perform(operation, storage_);
      if (sync_ && operation.kind == StorageOperation::Kind::kAppend) storage_.Sync(operation.name);
      done_ = submitted_;
    } catch (const StorageError& error) {
      error_ = error.what();
    }
    return submitted_;
  }
  LogPosition Done() override { return done_; }
  std::string Error() override { return error_; }

 private:
  SegmentStorage& storage_;
  bool sync_;
  LogPosition submitted_ = 0;
  LogPosition done_ = 0;
  std::string error_;
};

}  // namespace stillhouse::replay
