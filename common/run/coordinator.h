#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/config/run_config.h"
#include "common/messages/control.h"
#include "common/messages/rank_down.h"
#include "common/run/checkpoint_keeper.h"
#include "common/run/checkpoint_writer.h"
#include "common/run/coordinator_state.h"
#include "common/run/evaluation_scheduler.h"
#include "common/run/plateau.h"
#include "common/run/progress_tracker.h"
#include "common/run/rate_limiter.h"
#include "common/run/score_keeper.h"
#include "common/run/stall_explainer.h"

namespace stillhouse {

/// What the coordinator has written down. Implemented by the run directory's driver and by tests.
class RunRecorder {
 public:
  virtual ~RunRecorder() = default;
  virtual void OnProgress(const ProgressRecord& record) = 0;
  virtual void OnScoreboard(const Scoreboard& board) = 0;
  /// One line for people.
  virtual void OnNote(const std::string& line) = 0;
  /// Where the shards listen, in shard order; once.
  virtual void OnEndpoints(const std::vector<std::string>& addresses) = 0;
  /// A model as the run ends with it: the frozen teacher, a student after the tail.
  virtual void OnFinalModel(const FinalModel& model) = 0;
  /// A rank whose process is stopped is to be continued, so that it can leave.
  virtual void ContinueRank(const RankReport& rank) = 0;
  /// To be written, without waiting for the disk; one at a time.
  virtual void WriteCheckpoint(Checkpoint checkpoint) = 0;
  /// What became of the last one, once.
  virtual std::optional<CheckpointOutcome> TakeCheckpointOutcome() = 0;
};

/// The role that rides on rank 0: grants (rate limiter), evaluation, phases, checkpoints, progress,
/// the end. Logic only.
class Coordinator final : public Role {
 public:
  struct Settings {
    RunConfig config;
    std::uint16_t learners = 1;
    std::uint16_t shards = 1;
    std::uint16_t student_hosts = 0;
    std::uint16_t actor_hosts = 0;
    std::vector<std::uint16_t> host_of_student;  ///< [students]
    std::vector<ModelFacts> models;              ///< teacher first, then the students
    double tolerance = 0;                        ///< of the rate limiter, resolved
    std::string token;
    double start_unix_s = 0;
    std::uint32_t attempt = 1;
    std::optional<ResumePoint> resume;  ///< where a resumed run goes on
    /// The MPI runtime lets the others live when a rank dies; else a death ends the run.
    bool survivors_live = true;
    /// Of a deterministic run: it ends at every checkpoint (Outcome::seam), and its driver goes on
    /// from that as a resume would (docs/decisions/0007-seams.md).
    bool seams = false;
    bool at_seam = false;  ///< this attempt's own checkpoint is what it goes on from: no news
  };

  /// How the run ended.
  struct Outcome {
    bool failed = false;
    bool seam = false;                    ///< not an end: a checkpoint to go on from was written
    bool preempted = false;               ///< stopped on request after a complete checkpoint
    std::string reason;                   ///< for status.json
    std::vector<std::string> unanswered;  ///< roles that did not leave in time: abort the job
  };

  Coordinator(Settings settings, RunRecorder& recorder);

  RoleAddress Address() const override { return kCoordinatorAddress; }
  void Handle(const Envelope& envelope, Time now, Outbox& out) override;
  void Tick(Time now, Outbox& out) override;

  /// Ends the run early but in order; the reason goes to status.json.
  void Fail(const std::string& reason);

  /// Asks for a checkpoint as soon as one can be taken.
  void RequestCheckpoint() { checkpoint_wanted_ = true; }

  /// Ends the run after a checkpoint: it can be resumed. Where none can be written the run fails.
  void Preempt(const std::string& reason);

  /// A silent process that holds everything up is given up after so many times
  /// monitor.stall_after.
  static constexpr int kPatience = 10;
  /// Ranks that have said nothing for so long, everything waiting, that they are to be held for
  /// dead; each once. The driver sees to it and says RankDown.
  std::vector<std::uint32_t> TakeHopeless() { return std::exchange(hopeless_, {}); }

  bool Finished() const { return finished_; }
  const Outcome& Result() const { return outcome_; }
  RunPhase Phase() const { return phase_; }
  const Scoreboard& Scores() const { return scores_.Board(); }

 private:
  enum class Step : std::uint8_t {
    kRunning,
    kFreezing,
    kRefilling,  ///< a run resumed with a frozen teacher: its store is empty
    kTail,
    kFreezingStudents,
    kFinal,
    kLeaving
  };

  void OnShardReport(const ShardReport& report, std::uint16_t shard);
  void OnHostReport(const HostReport& report, std::uint16_t host);
  void OnEndpoint(const Endpoint& endpoint, std::uint16_t shard, Outbox& out);
  void SendGrants(Outbox& out);
  void Advance(Time now, Outbox& out);
  bool StopReached(Time now) const;
  void BeginFreeze(Time now, Outbox& out);
  void BeginTail(Time now, Outbox& out);
  void BeginDistilling(Time now, Outbox& out);
  void LetRefill();
  std::string WhyTailIsOver(Time now);
  void FreezeStudents(Time now, Outbox& out);
  void BeginFinal(Time now, Outbox& out);
  void BeginLeaving(Time now, Outbox& out);
  void ContinueRanks(Time now);
  void TakeRound(Time now);
  void StartPeriodicRound(Time now);
  void SetPhase(RunPhase phase, Time now, Outbox& out);
  void Broadcast(Time now, Outbox& out);
  bool Due(const Duration& every, double& last, Time now) const;
  void Resume(Time now, Outbox& out);
  bool KeepsStore() const { return settings_.config.replay.durability != Durability::kNone; }
  /// Once every shard has said what it holds: the counts that the run goes on from.
  void BeginCounting(Time now);
  void TickCheckpoints(Time now, Outbox& out);
  void BeginCheckpointIfWanted(Time now, Outbox& out);
  void WriteCheckpoint(CheckpointKeeper::Collected collected, Time now);
  /// A scheduled checkpoint of a run with seams may begin: nothing is under way that it would cut.
  bool SeamFits() const;
  /// What is due waits for the seam, on whose other side it begins.
  bool SeamNear() const {
    return settings_.seams && (checkpoint_wanted_ || checkpoints_.Collecting());
  }
  bool SeamAdvances() const;
  void EndAtSeam();
  void NoteResume(Time now);
  void OnCheckpointOutcome(const CheckpointOutcome& outcome, Time now, Outbox& out);
  Time TailSpent(Time now) const;
  void OnRankDown(const RankDown& down, Time now, Outbox& out);
  void OnShardDown(std::uint16_t shard, const RankDown& down);
  void OnStudentHostDown(std::uint16_t host, const RankDown& down, Outbox& out);
  void FailWithoutWorkers(Time now);
  /// What is known of waits at this moment.
  StallFacts Stall(Time now) const;
  void AddPending(StallFacts& facts) const;
  void WatchProgress(Time now);
  /// Roles of this kind that have not died.
  std::size_t Living(RoleKind kind) const;
  bool StudentsFrozen() const;
  bool AllHaveLeft() const;
  std::vector<std::uint64_t> LivingGrants(std::uint64_t allowance) const;
  bool ChecksPeriodically() const { return settings_.config.checkpoint.every.value > 0; }
  /// But for the dead.
  std::vector<RoleAddress> Everyone() const;

  Settings settings_;
  RunRecorder& recorder_;
  RateLimiter limiter_;
  ProgressTracker progress_;
  EvaluationScheduler evaluation_;
  ScoreKeeper scores_;
  CheckpointKeeper checkpoints_;
  Time offset_{};  ///< what earlier attempts of the run took
  Outcome outcome_;
  RunPhase phase_ = RunPhase::kTrain;
  Step step_ = Step::kRunning;
  Time step_since_{};
  Time continued_{};  ///< when stopped ranks were last told to go on
  Time frozen_at_{};
  Time tail_since_{};  ///< when the tail began, less what earlier attempts spent of it
  Time last_broadcast_{};
  double last_evaluation_ = 0;
  double last_progress_ = 0;
  double last_checkpoint_ = 0;
  bool checkpoint_wanted_ = false;
  bool checkpoint_writing_ = false;
  bool preempt_wanted_ = false;
  bool preempt_collecting_ = false;  ///< the checkpoint under way was begun after the request
  std::optional<Time> preempt_since_;
  std::string preempt_reason_;
  bool started_ = false;
  std::uint64_t frames_at_start_ = 0;
  bool counting_ = false;  ///< what the store holds is known
  bool finished_ = false;
  std::vector<std::string> endpoints_;
  std::size_t endpoints_known_ = 0;
  std::vector<std::uint64_t> insert_granted_;
  std::uint64_t sample_granted_ = 0;
  std::set<RoleAddress> frozen_;
  std::set<RoleAddress> left_;
  std::set<RoleAddress> dead_;
  std::vector<std::uint16_t> dead_shards_;
  std::string losses_;  ///< what died, for status.json
  Time workers_seen_{};
  PlateauWatch plateau_;
  StallExplainer stalls_;
  std::map<std::uint32_t, Time> rank_heard_;  ///< rank -> its last report
  Time last_stall_look_{};
  Time checkpoint_writing_since_{};
  std::set<std::uint32_t> given_up_;
  std::vector<std::uint32_t> hopeless_;  ///< of these, not taken yet
};

}  // namespace stillhouse
