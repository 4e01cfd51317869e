#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "replay/log/log_device.h"
#include "replay/log/segment_storage.h"
#include "tests/simulation/world.h"

namespace stillhouse::simulation {

/// The folder of one shard's log on a disk with a page cache; it outlives the job's lives, and what
/// a death leaves is what SegmentStorage says, drawn at random.
class SimFolder final : public replay::SegmentStorage {
 public:
  explicit SimFolder(World& world) : world_(world) {}

  std::vector<std::string> List() const override;
  std::vector<std::uint8_t> Read(const std::string& name) const override;
  std::uint64_t Size(const std::string& name) const override;
  void Create(const std::string& name) override;
  void Append(const std::string& name, std::span<const std::uint8_t> bytes) override;
  void Sync(const std::string& name) override;
  void Truncate(const std::string& name, std::uint64_t size) override;
  void Rename(const std::string& from, const std::string& to) override;
  void Remove(const std::string& name) override;
  std::string Describe(const std::string& name) const override { return "simulated/" + name; }

  /// From now on appends (`full`), or appends and syncs, are refused, until Mend.
  void Refuse(bool full);
  void Mend() { full_ = broken_ = false; }
  /// Operations that it has refused.
  std::uint64_t Refused() const { return refused_; }

  /// The process dies while this append is under way: a part of it may be there.
  void Tear(const std::string& name, std::span<const std::uint8_t> bytes);
  /// The machine loses power: what was synced is there, and some of the rest.
  void LosePower();

 private:
  struct File {
    std::vector<std::uint8_t> bytes;
    std::size_t synced = 0;  ///< of these bytes
    std::string before;      ///< its name on the disk until then, when it was renamed
    bool named = false;      ///< its entry in the folder is on the disk
  };
  File& At(const std::string& name);
  void SyncFolder();
  [[noreturn]] void Fail(const std::string& name, const std::string& what);

  World& world_;
  std::map<std::string, File> files_;
  std::map<std::string, File> removed_;  ///< which may come back: the folder was not synced since
  bool full_ = false;
  bool broken_ = false;
  std::uint64_t refused_ = 0;
};

/// The thread of a shard that writes its log (replay/driver/threaded_device.h), in virtual time:
/// operations one after the other, each after a while; then, with `sync`, what they touched is
/// synced; then they are done and `on_progress` hears of it. Its end is the death of the process.
class SimDevice : public replay::LogDevice {
 public:
  SimDevice(World& world, SimFolder& folder, bool sync, std::function<void()> on_progress);
  ~SimDevice() override;
  SimDevice(const SimDevice&) = delete;
  SimDevice& operator=(const SimDevice&) = delete;

  replay::LogPosition Submit(replay::StorageOperation operation) override;
  replay::LogPosition Done() override { return done_; }
  std::string Error() override { return error_; }
  /// The process ends in order: everything is done first.
  void Drain();
  /// The process dies: nothing more is done, and what is under way may be done in part.
  void Die();

 protected:
  replay::LogPosition Submitted() const { return submitted_; }
  /// The process dies during this append.
  virtual void Tear(SimFolder& folder, const replay::StorageOperation& append) {
    folder.Tear(append.name, append.bytes);
  }

 private:
  void Plan();
  void Work();
  void Finish();

  World& world_;
  SimFolder& folder_;
  bool sync_;
  std::function<void()> on_progress_;
  std::deque<replay::StorageOperation> waiting_;
  std::set<std::string> unsynced_;
  std::string error_;
  replay::LogPosition submitted_ = 0;
  replay::LogPosition performed_ = 0;
  replay::LogPosition done_ = 0;
  bool planned_ = false;
  /// Plans outlive the device.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace stillhouse::simulation
