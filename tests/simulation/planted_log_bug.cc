// Bugs in a shard's durable log, between the log and its disk.
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "replay/log/segment_format.h"
#include "tests/simulation/planted_bug.h"

namespace stillhouse::simulation {
namespace {

using Kind = replay::StorageOperation::Kind;
// Places in a record (replay/log/segment_format.cc) and in the chunk that is its body.
constexpr std::size_t kKindAt = 8;
constexpr std::size_t kHandleAt = 12;
constexpr std::size_t kIncarnationInChunkAt = 16;

template <typename T>
T Load(const std::vector<std::uint8_t>& bytes, std::size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

/// A record like this one, sound, with another body.
std::vector<std::uint8_t> RecordWith(const std::vector<std::uint8_t>& record,
                                     std::span<const std::uint8_t> body) {
  std::vector<std::uint8_t> out;
  replay::AppendRecord(out, static_cast<replay::RecordKind>(Load<std::uint32_t>(record, kKindAt)),
                       Load<ItemHandle>(record, kHandleAt), body);
  return out;
}

std::span<const std::uint8_t> BodyOf(const std::vector<std::uint8_t>& record) {
  return std::span(record).subspan(replay::kRecordHeaderBytes);
}

class HastyDevice final : public SimDevice {
 public:
  using SimDevice::SimDevice;
  replay::LogPosition Done() override { return Submitted(); }
};

/// Chunks go to the log as if they came from others, and the headers say nothing of anybody.
class ForgetfulDevice final : public SimDevice {
 public:
  using SimDevice::SimDevice;
  replay::LogPosition Submit(replay::StorageOperation operation) override {
    if (replay::SegmentNumber(operation.name)) {
      if (operation.kind == Kind::kCreate) header_is_next_ = true;
      if (operation.kind == Kind::kAppend) Tamper(operation.bytes);
    }
    return SimDevice::Submit(std::move(operation));
  }

 private:
  void Tamper(std::vector<std::uint8_t>& bytes) {
    if (std::exchange(header_is_next_, false)) {
      auto header = replay::SegmentReader(bytes, "header").Header();
      header.sequences.clear();
      bytes = replay::EncodeSegmentHeader(header);
      return;
    }
    const auto body = BodyOf(bytes);
    std::vector<std::uint8_t> chunk(body.begin(), body.end());
    chunk[kIncarnationInChunkAt] ^= 1U;
    bytes = RecordWith(bytes, chunk);
  }

  bool header_is_next_ = false;
};

class HurriedDevice final : public SimDevice {
 public:
  using SimDevice::SimDevice;
  replay::LogPosition Submit(replay::StorageOperation operation) override {
    if (operation.kind == Kind::kRemove && removed_.contains(operation.name)) return Submitted();
    std::optional<std::string> old;
    if (operation.kind == Kind::kCreate && replay::SegmentNumber(operation.name)) {
      old = std::exchange(newest_, operation.name);
    }
    auto position = SimDevice::Submit(std::move(operation));
    if (old) {
      removed_.insert(*old);
      position = SimDevice::Submit({Kind::kRemove, *old, {}, {}});
    }
    return position;
  }

 private:
  std::optional<std::string> newest_;
  std::set<std::string> removed_;
};

/// What of a record was not written when the process died counts as zeros, and the checksum fits.
class CredulousDevice final : public SimDevice {
 public:
  using SimDevice::SimDevice;
  ~CredulousDevice() override { Die(); }

 private:
  void Tear(SimFolder& folder, const replay::StorageOperation& append) override {
    const bool record = replay::SegmentNumber(append.name) &&
                        append.bytes.size() > replay::kRecordHeaderBytes &&
                        Load<std::uint32_t>(append.bytes, kKindAt) == 1;
    if (!record) return SimDevice::Tear(folder, append);
    const auto body = BodyOf(append.bytes);
    std::vector<std::uint8_t> chunk(body.begin(), body.end());
    std::fill(chunk.end() - static_cast<std::ptrdiff_t>(chunk.size() / 3), chunk.end(), 0);
    folder.Append(append.name, RecordWith(append.bytes, chunk));
  }
};

}  // namespace

std::unique_ptr<SimDevice> MakeSimDevice(PlantedBug bug, World& world, SimFolder& folder, bool sync,
                                         std::function<void()> on_progress) {
  switch (bug) {
    case PlantedBug::kAckBeforeWrite:
      return std::make_unique<HastyDevice>(world, folder, sync, std::move(on_progress));
    case PlantedBug::kForgottenWorkers:
      return std::make_unique<ForgetfulDevice>(world, folder, sync, std::move(on_progress));
    case PlantedBug::kRetiredEarly:
      return std::make_unique<HurriedDevice>(world, folder, sync, std::move(on_progress));
    case PlantedBug::kAcceptedTear:
      return std::make_unique<CredulousDevice>(world, folder, sync, std::move(on_progress));
    default:
      return std::make_unique<SimDevice>(world, folder, sync, std::move(on_progress));
  }
}

}  // namespace stillhouse::simulation
