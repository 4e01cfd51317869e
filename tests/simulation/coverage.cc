#include "tests/simulation/coverage.h"

#include <fmt/format.h>

namespace stillhouse::simulation {

const char* FaultName(Fault fault) {
  switch (fault) {
    case Fault::kDelayed:
      return "delayed";
    case Fault::kReordered:
      return "overtook";
    case Fault::kLost:
      return "lost";
    case Fault::kDuplicated:
      return "doubled";
    case Fault::kCutAtAck:
      return "cut@ack";
    case Fault::kStopped:
      return "stopped";
    case Fault::kWorkerKilled:
      return "worker-9";
    case Fault::kShardKilled:
      return "shard-9";
    case Fault::kJobKilled:
      return "job-9";
    case Fault::kClockLeapt:
      return "leap";
  }
  return "?";
}

const char* FrameName(FrameKind kind) {
  static constexpr std::array<const char*, Coverage::kFrames> kNames = {"frame:hello",
                                                                        "frame:welcome",
                                                                        "frame:refused",
                                                                        "frame:chunk",
                                                                        "frame:ack",
                                                                        "frame:status",
                                                                        "frame:weights_request",
                                                                        "frame:weights_reply",
                                                                        "frame:evaluation_task",
                                                                        "frame:evaluation_result",
                                                                        "frame:worker_report",
                                                                        "frame:goodbye"};
  return kNames[static_cast<std::size_t>(kind)];
}

void Coverage::Add(const Coverage& other) {
  for (std::size_t fault = 0; fault < disk_.size(); ++fault) disk_[fault] += other.disk_[fault];
  for (std::size_t row = 0; row < kRows; ++row) {
    delivered_[row] += other.delivered_[row];
    bytes_[row] += other.bytes_[row];
    for (std::size_t fault = 0; fault < kFaults; ++fault) {
      hits_[row][fault] += other.hits_[row][fault];
    }
  }
}

std::uint64_t Coverage::Messages() const {
  std::uint64_t sum = 0;
  for (const auto count : delivered_) sum += count;
  return sum;
}

std::uint64_t Coverage::Hits(Fault fault) const {
  std::uint64_t sum = 0;
  for (const auto& row : hits_) sum += row[static_cast<std::size_t>(fault)];
  return sum;
}

std::uint64_t Coverage::Effects() const {
  std::uint64_t sum = 0;
  for (const auto count : disk_) sum += count;
  for (std::size_t fault = 0; fault < kFaults; ++fault) {
    if (static_cast<Fault>(fault) != Fault::kReordered) sum += Hits(static_cast<Fault>(fault));
  }
  return sum;
}

std::size_t Coverage::Cells() const {
  std::size_t cells = 0;
  for (const auto& row : hits_) {
    for (const auto count : row) cells += count > 0 ? 1 : 0;
  }
  return cells;
}

std::string Coverage::Table() const {
  std::string table = fmt::format("{:<24}{:>10}", "message", "delivered");
  for (std::size_t fault = 0; fault < kFaults; ++fault) {
    table += fmt::format("{:>9}", FaultName(static_cast<Fault>(fault)));
  }
  table += '\n';
  for (std::size_t row = 0; row < kRows; ++row) {
    const char* name = row < kMessages ? MessageName(static_cast<MessageKind>(row))
                                       : FrameName(static_cast<FrameKind>(row - kMessages));
    table += fmt::format("{:<24}{:>10}", name, delivered_[row]);
    for (const auto count : hits_[row]) {
      table += count > 0 ? fmt::format("{:>9}", count) : fmt::format("{:>9}", '.');
    }
    table += '\n';
  }
  return table +
         fmt::format("appends torn {}, files hit by a loss of power {}, writes refused {}\n",
                     Hits(DiskFault::kTorn), Hits(DiskFault::kPowerLost),
                     Hits(DiskFault::kRefused));
}

}  // namespace stillhouse::simulation
