#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "replay/log/direct_device.h"
#include "replay/log/segment_storage.h"

namespace stillhouse::replay {

/// Files in memory, to be looked at and damaged; full when `room` bytes are there.
class MemoryStorage final : public SegmentStorage {
 public:
  std::vector<std::string> List() const override {
    std::vector<std::string> names;
    for (const auto& [name, bytes] : files) names.push_back(name);
    return names;
  }
  std::vector<std::uint8_t> Read(const std::string& name) const override { return Get(name); }
  std::uint64_t Size(const std::string& name) const override { return Get(name).size(); }
  void Create(const std::string& name) override { files[name].clear(); }
  void Append(const std::string& name, std::span<const std::uint8_t> bytes) override {
    if (bytes.size() > room) throw StorageError(Describe(name) + ": no room");
    room -= bytes.size();
    auto& file = files.at(name);
    file.insert(file.end(), bytes.begin(), bytes.end());
  }
  void Sync(const std::string& name) override { ++syncs[name]; }
  void Truncate(const std::string& name, std::uint64_t size) override {
    files.at(name).resize(size);
  }
  void Rename(const std::string& from, const std::string& to) override {
    auto bytes = Get(from);
    files.erase(from);
    files[to] = std::move(bytes);
  }
  void Remove(const std::string& name) override { files.erase(name); }
  std::string Describe(const std::string& name) const override { return "memory/" + name; }

  std::map<std::string, std::vector<std::uint8_t>> files;
  std::map<std::string, int> syncs;
  std::size_t room = std::size_t{1} << 40U;

 private:
  const std::vector<std::uint8_t>& Get(const std::string& name) const {
    const auto found = files.find(name);
    if (found == files.end()) throw StorageError(Describe(name) + ": no such file");
    return found->second;
  }
};

/// Does nothing until it is told to.
class LazyDevice final : public LogDevice {
 public:
  explicit LazyDevice(SegmentStorage& storage) : inner_(storage, false) {}
  LogPosition Submit(StorageOperation operation) override {
    waiting_.push_back(std::move(operation));
    return ++submitted_;
  }
  LogPosition Done() override { return inner_.Done(); }
  std::string Error() override { return inner_.Error(); }
  void DoAll() {
    for (auto& operation : waiting_) inner_.Submit(std::move(operation));
    waiting_.clear();
  }

 private:
  DirectDevice inner_;
  std::vector<StorageOperation> waiting_;
  LogPosition submitted_ = 0;
};

}  // namespace stillhouse::replay
