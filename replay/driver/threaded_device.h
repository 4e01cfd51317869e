#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "replay/log/log_device.h"
#include "replay/log/segment_storage.h"

namespace stillhouse::replay {

/// Does a log's operations on a thread of its own: what has come in while the disk was busy is one
/// group, appends to one file become one write, and with `sync` one fdatasync makes the whole group
/// durable (group commit).
class ThreadedDevice final : public LogDevice {
 public:
  /// `storage` is borrowed, and the thread's alone from now on. `on_progress` is called from that
  /// thread whenever Done has moved or an operation has failed.
  ThreadedDevice(SegmentStorage& storage, bool sync, std::function<void()> on_progress);
  /// Does what was submitted.
  ~ThreadedDevice() override;
  ThreadedDevice(const ThreadedDevice&) = delete;
  ThreadedDevice& operator=(const ThreadedDevice&) = delete;

  LogPosition Submit(StorageOperation operation) override;
  LogPosition Done() override;
  std::string Error() override;

 private:
  void Run();
  /// The waiting append that this one continues; nullptr: none. mutex_ is held.
  StorageOperation* MergesWith(const StorageOperation& operation);
  /// Returns the error's text, empty when all went well.
  std::string PerformGroup(const std::vector<StorageOperation>& group);

  SegmentStorage& storage_;
  const bool sync_;
  const std::function<void()> on_progress_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<StorageOperation> waiting_;  ///< the four below: guarded by mutex_
  LogPosition submitted_ = 0;
  LogPosition done_ = 0;
  std::string error_;
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace stillhouse::replay
