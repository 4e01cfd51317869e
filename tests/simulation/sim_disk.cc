#include "tests/simulation/sim_disk.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/base/error.h"
#include "replay/log/direct_device.h"

namespace stillhouse::simulation {
namespace {
using namespace std::chrono_literals;
using replay::StorageOperation;
constexpr Time kShortestOperation = 50us;
constexpr Time kLongestOperation = 1500us;
constexpr Time kLongestSync = 8ms;
/// A disk that does not keep up now and then.
constexpr Time kLongestStall = 150ms;
}  // namespace

std::vector<std::string> SimFolder::List() const {
  std::vector<std::string> names;
  for (const auto& [name, file] : files_) names.push_back(name);
  return names;
}

SimFolder::File& SimFolder::At(const std::string& name) {
  const auto found = files_.find(name);
  if (found == files_.end()) Fail(name, "no such file");
  return found->second;
}

void SimFolder::Fail(const std::string& name, const std::string& what) {
  throw StorageError(fmt::format("{}: {}", Describe(name), what));
}

std::vector<std::uint8_t> SimFolder::Read(const std::string& name) const {
  const auto found = files_.find(name);
  if (found == files_.end()) throw StorageError(Describe(name) + ": no such file");
  return found->second.bytes;
}

std::uint64_t SimFolder::Size(const std::string& name) const { return Read(name).size(); }

void SimFolder::Refuse(bool full) { (full ? full_ : broken_) = true; }

void SimFolder::Create(const std::string& name) { files_[name] = {}; }

void SimFolder::Append(const std::string& name, std::span<const std::uint8_t> bytes) {
  File& file = At(name);
  if (full_ || broken_) {
    ++refused_;
    world_.coverage.Hit(DiskFault::kRefused);
    Fail(name, full_ ? "no space left on the device" : "input/output error");
  }
  file.bytes.insert(file.bytes.end(), bytes.begin(), bytes.end());
}

void SimFolder::Sync(const std::string& name) {
  File& file = At(name);
  if (broken_) {
    ++refused_;
    world_.coverage.Hit(DiskFault::kRefused);
    Fail(name, "sync: input/output error");
  }
  file.synced = file.bytes.size();
  if (!file.named) SyncFolder();
}

void SimFolder::SyncFolder() {
  for (auto& [name, file] : files_) {
    file.named = true;
    file.before.clear();
  }
  removed_.clear();
}

void SimFolder::Truncate(const std::string& name, std::uint64_t size) {
  File& file = At(name);
  file.bytes.resize(size);
  file.synced = size;
}

void SimFolder::Rename(const std::string& from, const std::string& to) {
  File file = std::move(At(from));
  files_.erase(from);
  if (file.named) file.before = from;
  file.named = false;
  files_[to] = std::move(file);
}

void SimFolder::Remove(const std::string& name) {
  File& file = At(name);
  if (file.named) removed_[name] = std::move(file);
  files_.erase(name);
}

void SimFolder::Tear(const std::string& name, std::span<const std::uint8_t> bytes) {
  const auto found = files_.find(name);
  if (found == files_.end() || full_ || broken_) return;
  const auto part = bytes.first(world_.rng.Below(bytes.size() + 1));
  world_.Note(fmt::format("{} of {} bytes of an append to {} are written", part.size(),
                          bytes.size(), name));
  if (!part.empty() && part.size() < bytes.size()) world_.coverage.Hit(DiskFault::kTorn);
  found->second.bytes.insert(found->second.bytes.end(), part.begin(), part.end());
}

void SimFolder::LosePower() {
  for (auto& [name, file] : removed_) {
    if (!files_.contains(name) && world_.rng.Below(2) == 0) files_[name] = std::move(file);
  }
  removed_.clear();
  std::map<std::string, File> renamed;
  for (auto it = files_.begin(); it != files_.end();) {
    File& file = it->second;
    if (!file.named && world_.rng.Below(2) == 0) {
      if (!file.before.empty()) renamed[file.before] = std::move(file);
      it = files_.erase(it);
      continue;
    }
    // Pages go to the disk in any order: of what is kept the last part may be old, that is, zeros.
    const std::size_t more = file.bytes.size() - file.synced;
    const std::size_t kept = file.synced + world_.rng.Below(more + 1);
    if (kept < file.bytes.size()) world_.coverage.Hit(DiskFault::kPowerLost);
    file.bytes.resize(kept);
    if (kept > file.synced && world_.rng.Below(3) == 0) {
      const std::size_t hole = file.synced + world_.rng.Below(kept - file.synced);
      const std::size_t length = world_.rng.Below(kept - hole + 1);
      std::fill_n(file.bytes.begin() + static_cast<std::ptrdiff_t>(hole), length, 0);
    }
    file.synced = kept;
    file.named = true;
    ++it;
  }
  files_.merge(renamed);
}

SimDevice::SimDevice(World& world, SimFolder& folder, bool sync, std::function<void()> on_progress)
    : world_(world), folder_(folder), sync_(sync), on_progress_(std::move(on_progress)) {}

SimDevice::~SimDevice() { Die(); }

void SimDevice::Die() {
  if (!std::exchange(*alive_, false)) return;
  if (!error_.empty() || waiting_.empty()) return;
  const StorageOperation& next = waiting_.front();
  if (next.kind == StorageOperation::Kind::kAppend) Tear(folder_, next);
}

void SimDevice::Drain() {
  while (!waiting_.empty() && error_.empty()) Work();
  if (error_.empty()) Finish();
}

replay::LogPosition SimDevice::Submit(StorageOperation operation) {
  ++submitted_;
  if (error_.empty()) waiting_.push_back(std::move(operation));
  Plan();
  return submitted_;
}

void SimDevice::Plan() {
  if (planned_ || !error_.empty()) return;
  planned_ = true;
  Time takes = world_.Between(kShortestOperation, kLongestOperation);
  if (world_.Chance(world_.faults.slow_disk)) takes += world_.Between({}, kLongestStall);
  if (waiting_.empty() && sync_) takes += world_.Between({}, kLongestSync);
  world_.events.After(takes, [this, alive = alive_] {
    if (!*alive) return;
    planned_ = false;
    Work();
  });
}

// Operations of one group one by one, then, in an event of its own, their end.
void SimDevice::Work() {
  if (waiting_.empty()) return Finish();
  try {
    const StorageOperation& next = waiting_.front();
    replay::Perform(next, folder_);
    if (next.kind == StorageOperation::Kind::kAppend) {
      unsynced_.insert(next.name);
    } else if (next.kind != StorageOperation::Kind::kCreate) {
      unsynced_.erase(next.name);
    }
    ++performed_;
    waiting_.pop_front();
  } catch (const StorageError& error) {
    error_ = error.what();
    world_.Note("the disk refuses: " + error_);
    waiting_.clear();
    return on_progress_();
  }
  Plan();
}

void SimDevice::Finish() {
  if (done_ == performed_) return;
  try {
    if (sync_) {
      for (const auto& name : std::exchange(unsynced_, {})) folder_.Sync(name);
    }
    done_ = performed_;
  } catch (const StorageError& error) {
    error_ = error.what();
    world_.Note("the disk refuses: " + error_);
  }
  on_progress_();
}

}  // namespace stillhouse::simulation
