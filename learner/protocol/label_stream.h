#pragma once

#include <cstdint>
#include <vector>

#include "common/messages/labels.h"
#include "learner/protocol/compute.h"
#include "replay/batch.h"

namespace stillhouse::learner {

/// Labels of one batch, as the teacher's compute made them.
struct MadeLabels {
  std::vector<float> labels;  ///< [rows, A]
  LabelExtras extras{};
  bool frozen = false;
  std::uint64_t teacher_updates = 0;
  std::uint64_t version = 0;  ///< the teacher's newest publication
};

/// The learner's end of label-once-distil-many: every teacher batch goes out with its labels once
/// a student host that has credit; a host without is skipped and the skip is counted, so that no
/// student ever delays the teacher or another student.
class LabelStream {
 public:
  /// What batches carry for students besides labels.
  struct Carries {
    bool truths = false;   ///< the experience is a data set's, its actions are the labels
    bool rewards = false;  ///< some student learns from rewards
  };
  LabelStream(RoleAddress self, std::uint16_t hosts, std::int32_t num_actions, Carries carries)
      : self_(self),
        num_actions_(static_cast<std::uint32_t>(num_actions)),
        carries_(carries),
        hosts_(hosts) {}

  void OnCredit(const Credit& credit, std::uint16_t host, Time now);

  /// Sends `batch` with its labels. The message is encoded once and copied a host.
  void Publish(const replay::Batch& batch, MadeLabels made, Outbox& out);

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
  std::vector<std::uint8_t> BodyOf(const replay::Batch& batch, MadeLabels made) const;

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
  Carries carries_;
  std::vector<Host> hosts_;
  std::uint64_t sequence_ = 0;
};

}  // namespace stillhouse::learner
