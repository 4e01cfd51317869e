#include "replay/driver/threaded_device.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "replay/log/direct_device.h"

namespace stillhouse::replay {
namespace {
/// A write of about this size is as fast as any larger one.
constexpr std::size_t kMostMerged = std::size_t{1} << 20U;
constexpr std::size_t kLookBack = 4;
}  // namespace

ThreadedDevice::ThreadedDevice(SegmentStorage& storage, bool sync,
                               std::function<void()> on_progress)
    : storage_(storage), sync_(sync), on_progress_(std::move(on_progress)) {
  thread_ = std::thread([this] { Run(); });
}

ThreadedDevice::~ThreadedDevice() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  filled_.notify_one();
  thread_.join();
}

StorageOperation* ThreadedDevice::MergesWith(const StorageOperation& operation) {
  if (operation.kind != StorageOperation::Kind::kAppend) return nullptr;
  // Past appends to other files: a snapshot's slices come between the chunks.
  const std::size_t oldest = waiting_.size() - std::min(waiting_.size(), kLookBack);
  for (std::size_t i = waiting_.size(); i > oldest; --i) {
    StorageOperation& before = waiting_[i - 1];
    if (before.kind != StorageOperation::Kind::kAppend) return nullptr;
    if (before.name == operation.name) {
      return before.bytes.size() < kMostMerged ? &before : nullptr;
    }
  }
  return nullptr;
}

LogPosition ThreadedDevice::Submit(StorageOperation operation) {
  bool wake = false;
  LogPosition position = 0;
  {
    const std::lock_guard lock(mutex_);
    wake = waiting_.empty();
    position = ++submitted_;
    if (StorageOperation* const before = MergesWith(operation)) {
      before->bytes.insert(before->bytes.end(), operation.bytes.begin(), operation.bytes.end());
    } else {
      waiting_.push_back(std::move(operation));
    }
  }
  if (wake) filled_.notify_one();
  return position;
}

LogPosition ThreadedDevice::Done() {
  const std::lock_guard lock(mutex_);
  return done_;
}

std::string ThreadedDevice::Error() {
  const std::lock_guard lock(mutex_);
  return error_;
}

std::string ThreadedDevice::PerformGroup(const std::vector<StorageOperation>& group) {
  try {
    std::set<std::string> unsynced;
    for (const auto& operation : group) {
      Perform(operation, storage_);
      if (operation.kind == StorageOperation::Kind::kAppend) unsynced.insert(operation.name);
      if (operation.kind != StorageOperation::Kind::kCreate &&
          operation.kind != StorageOperation::Kind::kAppend) {
        unsynced.erase(operation.name);
      }
    }
    if (sync_) {
      for (const auto& name : unsynced) storage_.Sync(name);
    }
  } catch (const StorageError& error) {
    return error.what();
  }
  return {};
}

void ThreadedDevice::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    filled_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const auto group = std::exchange(waiting_, {});
    const LogPosition position = submitted_;
    const bool failed = !error_.empty();
    lock.unlock();
    std::string error;
    if (!failed) error = PerformGroup(group);
    lock.lock();
    if (failed) continue;  // nothing is done after an error: what is on the disk stays a prefix
    error_ = std::move(error);
    if (error_.empty()) done_ = position;
    lock.unlock();
    on_progress_();
    lock.lock();
  }
}

}  // namespace stillhouse::replay
