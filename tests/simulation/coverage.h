#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/messages/envelope.h"
#include "common/messages/worker_plane.h"

namespace stillhouse::simulation {

/// What the simulator does to a job.
enum class Fault : std::uint8_t {
  kDelayed,       ///< a message took far longer than others
  kReordered,     ///< a message overtook an older one that came from elsewhere
  kLost,          ///< a frame was under way on a connection that was cut
  kDuplicated,    ///< something was received that had been received before
  kCutAtAck,      ///< the connection was cut between storing and acknowledging
  kStopped,       ///< a message waited for a process that was stopped
  kWorkerKilled,  ///< a frame was under way from or to a worker that was killed
  kShardKilled,   ///< a message was under way from or to a shard that was killed
  kJobKilled,     ///< a message was under way when the whole job was killed
  kClockLeapt,    ///< the first thing that a process saw after its clock had leapt ahead
};
inline constexpr Fault kLastFault = Fault::kClockLeapt;

/// What it does to the disks of the shards' logs.
enum class DiskFault : std::uint8_t {
  kTorn,       ///< the process died while an append was under way
  kPowerLost,  ///< bytes that were written and not synced were lost, or names that were not
  kRefused,    ///< an append or sync was refused: full, or broken
};
inline constexpr DiskFault kLastDiskFault = DiskFault::kRefused;

const char* FaultName(Fault fault);
const char* FrameName(FrameKind kind);

/// Which fault has hit which kind of message, how often.
class Coverage {
 public:
  static constexpr std::size_t kFaults = static_cast<std::size_t>(kLastFault) + 1;
  static constexpr std::size_t kMessages = static_cast<std::size_t>(kLastMessageKind) + 1;
  static constexpr std::size_t kFrames = static_cast<std::size_t>(kLastFrameKind) + 1;
  static constexpr std::size_t kRows = kMessages + kFrames;

  /// With `bytes` of body.
  void Delivered(MessageKind kind, std::size_t bytes) { Count(Row(kind), bytes); }
  void Delivered(FrameKind kind, std::size_t bytes) { Count(Row(kind), bytes); }
  void Hit(Fault fault, MessageKind kind) { ++hits_[Row(kind)][static_cast<std::size_t>(fault)]; }
  void Hit(Fault fault, FrameKind kind) { ++hits_[Row(kind)][static_cast<std::size_t>(fault)]; }
  void Hit(DiskFault fault) { ++disk_[static_cast<std::size_t>(fault)]; }
  std::uint64_t Hits(DiskFault fault) const { return disk_[static_cast<std::size_t>(fault)]; }
  void Add(const Coverage& other);

  std::uint64_t Messages() const;
  std::uint64_t Hits(Fault fault) const;
  std::uint64_t Hits(Fault fault, MessageKind kind) const {
    return hits_[Row(kind)][static_cast<std::size_t>(fault)];
  }
  std::uint64_t Hits(Fault fault, FrameKind kind) const {
    return hits_[Row(kind)][static_cast<std::size_t>(fault)];
  }
  std::uint64_t DeliveredOf(MessageKind kind) const { return delivered_[Row(kind)]; }
  std::uint64_t DeliveredOf(FrameKind kind) const { return delivered_[Row(kind)]; }
  std::uint64_t BytesOf(MessageKind kind) const { return bytes_[Row(kind)]; }
  std::uint64_t BytesOf(FrameKind kind) const { return bytes_[Row(kind)]; }
  /// Faults that took effect; overtaking alone is no fault here, it happens all the time.
  std::uint64_t Effects() const;
  /// Fields of the table that are not zero.
  std::size_t Cells() const;
  /// For people: one line a kind of message, one column a fault.
  std::string Table() const;

 private:
  void Count(std::size_t row, std::size_t bytes) {
    ++delivered_[row];
    bytes_[row] += bytes;
  }
  static std::size_t Row(MessageKind kind) { return static_cast<std::size_t>(kind); }
  static std::size_t Row(FrameKind kind) { return kMessages + static_cast<std::size_t>(kind); }

  std::array<std::array<std::uint64_t, kFaults>, kRows> hits_{};
  std::array<std::uint64_t, kRows> delivered_{};
  std::array<std::uint64_t, kRows> bytes_{};
  std::array<std::uint64_t, static_cast<std::size_t>(kLastDiskFault) + 1> disk_{};
};

}  // namespace stillhouse::simulation
