#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "common/messages/checkpoint.h"
#include "common/messages/control.h"
#include "common/messages/evaluation.h"
#include "common/messages/labels.h"
#include "learner/protocol/compute_port.h"
#include "learner/protocol/job_depth.h"

namespace stillhouse::learner {

/// How many labelled batches a learner may have under way to one student host. Enough to cover
/// a scheduling hiccup, small enough that labels stay fresh (a few teacher updates old).
inline constexpr std::uint32_t kCreditWindow = 16;

/// What a student learns from of a batch's labels by the teacher, and how old they may be.
struct LabelNeeds {
  bool of_teacher = true;  ///< false: its sources live on its own host
  LabelChoice choice = LabelChoice::kCurrent;
  std::int64_t max_age = 0;  ///< teacher updates; 0: any
  StaleLabels on_stale = StaleLabels::kDrop;
  LabelPlace place = LabelPlace::kStream;
  StudentTime when = StudentTime::kAlong;
  /// The host needs a copy of the teacher for it.
  bool OwnCopy() const {
    return of_teacher && (on_stale == StaleLabels::kRelabel || place == LabelPlace::kLocal);
  }
};

/// One student host: takes labelled batches, has its students learn from them, returns their
/// credits, a few together, publishes the students' weights. In a resumed run it waits for its
/// Restore before anything else. Logic only; the arithmetic is behind `port`.
class StudentRole final : public Role {
 public:
  struct Settings {
    std::uint16_t index = 0;            ///< number of this host
    std::vector<std::uint16_t> models;  ///< of the students here, in compute order
    std::int32_t publish_every = 100;   ///< updates between publications of all of them
    std::uint16_t shards = 1;
    std::uint16_t learners = 1;
    bool resuming = false;            ///< a Restore will come
    std::vector<LabelNeeds> needs{};  ///< [students], or empty: the present labels, of any age
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
  void OnUpdated(const StudentOutcome& outcome);
  void ReturnCredits(Time now, Outbox& out);
  void OnRunStatus(const RunStatus& status);
  /// This batch is not for the host's k-th student, which waits for the frozen teacher.
  bool Waits(const LabelledBatch& batch, std::size_t k) const {
    return settings_.needs[k].when == StudentTime::kAfter && !batch.frozen;
  }
  void OnTeacher(WeightsPublish teacher);
  /// Decides about the host's k-th student in `turn`: from which labels, or not at all.
  void Decide(const LabelledBatch& batch, std::size_t k, StudentTurn& turn) const;
  StudentTurn TurnOf(const LabelledBatch& batch) const;
  /// Teacher updates between the labels that the student would learn from and the teacher's newest
  /// known state; 0 without labels of the teacher.
  std::uint64_t AgeOf(const LabelledBatch& batch, std::size_t student) const;
  void OnParameters(StudentOutcome outcome, Outbox& out);
  void OnRestore(const Restore& restore);
  void OnSaved(StudentOutcome outcome, Outbox& out);
  std::uint64_t UpdatesOf(std::size_t student) const { return before_[student] + done_[student]; }
  void Report(Outbox& out);

  Settings settings_;
  StudentPort& port_;
  std::deque<LabelledBatch> waiting_;
  std::vector<std::uint64_t> before_;      ///< [students] updates in earlier attempts of the run
  std::vector<std::uint64_t> done_;        ///< [students] updates in this one
  std::vector<std::uint64_t> stale_;       ///< [students] batches whose labels were too old
  std::uint64_t updates_ = 0;              ///< batches worked off in this attempt
  std::vector<std::uint64_t> relabelled_;  ///< [students] batches labelled by the copy
  std::uint64_t teacher_updates_ = 0;      ///< newest that is known
  std::optional<std::uint64_t> copy_updates_;  ///< of the copy of the teacher, once there is one
  std::vector<float> retention_;  ///< [students] as the coordinator told; empty: not known
  std::uint64_t version_ = 0;
  bool restored_ = false;  ///< or nothing to restore
  std::int32_t jobs_ = 0;  ///< updates submitted and not done
  JobDepth depth_;
  std::uint64_t submitted_ = 0;  ///< updates, in this attempt
  bool started_ = false;
  bool freezing_ = false;  ///< no more updates are submitted
  bool frozen_ = false;
  bool left_ = false;
  bool failed_ = false;
  std::vector<double> loss_mean_;  ///< [students] running means
  std::vector<double> agreement_mean_;
  std::vector<double> age_mean_;  ///< [students] of the teacher's labels, in teacher updates
  std::vector<std::uint64_t> age_max_;
  std::vector<LayerChanges> changes_;  ///< [students] since the last report; or empty
  Time last_report_{};
  std::map<std::uint16_t, Credit> owed_;  ///< by learner: for batches done with, not returned yet
  Time last_credit_{};
};

}  // namespace stillhouse::learner
