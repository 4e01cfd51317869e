#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "common/messages/checkpoint.h"
#include "common/messages/control.h"
#include "common/messages/evaluation.h"
#include "common/messages/labels.h"
#include "learner/protocol/compute_port.h"

namespace stillhouse::learner {

/// How many labelled batches a learner may have under way to one student host. Enough to cover
/// a scheduling hiccup, small enough that labels stay fresh (a few teacher updates old).
inline constexpr std::uint32_t kCreditWindow = 16;

/// One student host: takes labelled batches, has its students learn from them, returns a credit
/// for each, publishes the students' weights. In a resumed run it waits for its Restore before
/// anything else. Logic only; the arithmetic is behind `port`.
class StudentRole final : public Role {
 public:
  struct Settings {
    std::uint16_t index = 0;            ///< number of this host
    std::vector<std::uint16_t> models;  ///< of the students here, in compute order
    std::int32_t publish_every = 100;   ///< updates between publications of all of them
    std::uint16_t shards = 1;
    std::uint16_t learners = 1;
    bool resuming = false;  ///< a Restore will come
  };

  /// `port` is borrowed and outlives the role.
  StudentRole(Settings settings, StudentPort& port);

  RoleAddress Address() const override { return {RoleKind::kStudentHost, settings_.index}; }
  void Handle(const Envelope& envelope, Time now, Outbox& out) override;
  void Tick(Time now, Outbox& out) override;
  /// The outcome of a submitted job.
  void OnDone(StudentOutcome outcome, Time now, Outbox& out);

  std::uint64_t Updates() const { return updates_; }
  bool HasLeft() const { return left_; }

 private:
  void OnBatch(LabelledBatch batch);
  void SubmitNext();
  void SubmitParameters(std::uint32_t pin);
  void OnUpdated(const StudentOutcome& outcome, Outbox& out);
  void OnParameters(StudentOutcome outcome, Outbox& out);
  void OnRestore(const Restore& restore);
  void OnSaved(StudentOutcome outcome, Outbox& out);
  std::uint64_t UpdatesOf(std::size_t student) const { return before_[student] + updates_; }
  void Report(Outbox& out);

  Settings settings_;
  StudentPort& port_;
  std::deque<LabelledBatch> waiting_;
  std::vector<std::uint64_t> before_;  ///< [students] updates in earlier attempts of the run
  std::uint64_t updates_ = 0;          ///< of all of them, in this one
  std::uint64_t version_ = 0;
  bool restored_ = false;  ///< or nothing to restore
  std::int32_t jobs_ = 0;  ///< updates submitted and not done
  bool started_ = false;
  bool freezing_ = false;  ///< no more updates are submitted
  bool frozen_ = false;
  bool left_ = false;
  bool failed_ = false;
  std::vector<double> loss_mean_;  ///< [students] running means
  std::vector<double> agreement_mean_;
  Time last_report_{};
};

}  // namespace stillhouse::learner
