#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/base/rng.h"
#include "common/messages/checkpoint.h"
#include "common/messages/control.h"
#include "common/messages/evaluation.h"
#include "common/messages/rank_down.h"
#include "learner/protocol/batch_source.h"
#include "learner/protocol/compute_port.h"
#include "learner/protocol/gradient_lead.h"
#include "learner/protocol/job_depth.h"
#include "learner/protocol/label_stream.h"

namespace stillhouse::learner {

/// The teacher's role: keeps batches prefetched, has the compute do a TD update on each, sends
/// the new priorities back and the labelled batch on to the students, publishes weights. After
/// Freeze it labels batches with the frozen teacher for as long as the tail lasts. In a resumed
/// run it waits for its Restore before anything else. With several learners it is learner 0, which
/// leads: an update is a step along the mean gradient of everybody's batches (FollowerRole).
/// Logic only.
class LearnerRole final : public Role {
 public:
  struct Settings {
    std::uint16_t learners = 1;  ///< with this one, which is number 0
    std::uint16_t shards = 1;
    std::uint16_t student_hosts = 0;
    std::int32_t num_actions = 0;
    TeacherSettings teacher;
    ReplaySettings replay;
    std::uint64_t seed = 1;
    bool resuming = false;                   ///< a Restore will come
    bool label_truths = false;               ///< the experience is a data set's
    bool label_rewards = false;              ///< batches for students carry their rewards
    std::vector<std::uint16_t> copies_to{};  ///< student hosts that keep a copy of the teacher
    bool keep_best = false;  ///< somebody wants the parameters of the best evaluation
  };

  /// `port` is borrowed and outlives the role.
  LearnerRole(Settings settings, TeacherPort& port);

  RoleAddress Address() const override { return {RoleKind::kLearner, 0}; }
  void Handle(const Envelope& envelope, Time now, Outbox& out) override;
  void Tick(Time now, Outbox& out) override;
  /// The outcome of a submitted job.
  void OnDone(TeacherOutcome outcome, Time now, Outbox& out);

  std::uint64_t Updates() const { return updates_; }
  std::uint64_t Samples() const { return samples_; }
  bool HasLeft() const { return stage_ == Stage::kLeft; }

 private:
  enum class Stage : std::uint8_t { kTrain, kFreezing, kTail, kIdle, kLeft };

  void Pump(Outbox& out);
  void RequestBatches(Outbox& out);
  void SubmitBatches();
  /// Behind an update in the queue.
  void CountSubmitted();
  void StepWhenJoined(Outbox& out);
  void SubmitParameters(std::uint32_t pin);
  void SubmitSave(std::uint64_t checkpoint);
  void OnRestore(const Restore& restore);
  void OnRunStatus(const RunStatus& status);
  void KeepBest(std::uint32_t round);
  void OnRankDown(const RankDown& down);
  void OnSaved(TeacherOutcome outcome, Outbox& out);
  void BeginFreezeWhenIdle();
  void OnGradient(TeacherOutcome outcome, Outbox& out);
  void OnUpdated(TeacherOutcome outcome, Outbox& out);
  void OnParameters(TeacherOutcome outcome, Outbox& out);
  void Report(Time now, Outbox& out);
  LearnerWait Wait() const;

  Settings settings_;
  TeacherPort& port_;
  BatchSource source_;
  Rng rng_;
  LabelStream labels_;
  GradientLead lead_;

  Stage stage_ = Stage::kTrain;
  RunPhase phase_ = RunPhase::kTrain;  ///< as the coordinator told
  bool restored_ = false;              ///< or nothing to restore
  bool started_ = false;
  bool failed_ = false;
  bool freeze_submitted_ = false;
  std::uint64_t submitted_ = 0;  ///< TD updates submitted
  std::uint64_t updates_ = 0;    ///< TD updates done
  std::uint64_t samples_ = 0;    ///< rows requested for TD updates
  std::uint64_t consumed_ = 0;   ///< rows of the TD updates done
  std::uint64_t allowance_ = 0;  ///< rows that may be requested in all
  std::uint64_t tail_batches_ = 0;
  std::uint64_t version_ = 0;
  /// As evaluation rounds pinned them, by round: which was the best is known when it is over.
  struct Pin {
    std::uint64_t updates = 0;
    std::vector<float> parameters;
  };
  std::map<std::uint32_t, Pin> pins_;
  std::uint64_t batches_ = 0;  ///< drawn for TD updates, in this attempt
  /// The own part of an update of several learners, until the step along everybody's is done.
  std::optional<TeacherOutcome> own_;
  std::uint32_t joined_rows_ = 0;
  std::size_t redraws_ = 0;  ///< draws that died with a shard: the next ones are counted
  std::int32_t jobs_ = 0;    ///< updates and labellings submitted and not done
  JobDepth depth_;
  bool blocked_ = false;
  double loss_mean_ = 0;
  double q_mean_ = 0;
  double grad_norm_mean_ = 0;
  Time last_report_{};
};

}  // namespace stillhouse::learner
