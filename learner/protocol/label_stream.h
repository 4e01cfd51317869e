#pragma once

#include <cstdint>
#include <vector>

#include "common/messages/labels.h"
#include "replay/batch.h"

namespace stillhouse::learner {

/// The learner's end of label-once-distil-many: every teacher batch goes out with its labels once
/// a student host that has credit; a host without is skipped and the skip is counted, so that no
/// student ever delays the teacher or another student.
class LabelStream {
 public:
  LabelStream(RoleAddress self, std::uint16_t hosts, std::int32_t num_actions)
      : self_(self), num_actions_(static_cast<std::uint32_t>(num_actions)), hosts_(hosts) {}

  void OnCredit(const Credit& credit, std::uint16_t host, Time now);

  /// Sends `batch` with `labels` [rows, A]. The message is encoded once and copied a host.
  void Publish(const replay::Batch& batch, std::vector<float> labels, bool frozen,
               std::uint64_t teacher_updates, Outbox& out);

  /// This host is gone for good: it gets nothing more, and what it misses is no longer counted.
  void HostDown(std::uint16_t host);

  /// Most batches that some host would take now.
  std::uint32_t MostCredits() const;
  std::size_t Hosts() const { return hosts_.size(); }
  std::uint64_t Dropped(std::size_t host) const { return hosts_[host].dropped; }
  /// Teacher updates between the teacher now and the labels that the host last learnt from.
  std::uint64_t Lag(std::size_t host, std::uint64_t teacher_updates) const;
  /// Time since the host's last credit while it owes us some; 0 when it owes nothing.
  Time Silence(std::size_t host, Time now) const;

 private:
  struct Host {
    std::uint32_t credits = 0;
    std::uint64_t sent = 0;
    std::uint64_t consumed = 0;
    std::uint64_t dropped = 0;
    std::uint64_t consumed_teacher_updates = 0;
    Time last_credit{};
    bool down = false;
  };
  RoleAddress self_;
  std::uint32_t num_actions_;
  std::vector<Host> hosts_;
  std::uint64_t sequence_ = 0;
};

}  // namespace stillhouse::learner
