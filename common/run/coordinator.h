#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/config/run_config.h"
#include "common/messages/control.h"
#include "common/run/evaluation_scheduler.h"
#include "common/run/progress_tracker.h"
#include "common/run/rate_limiter.h"
#include "common/run/score_keeper.h"

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
};

/// The role that rides on rank 0: grants (rate limiter), evaluation, phases, progress, the end.
/// Logic only.
class Coordinator final : public Role {
 public:
  struct Settings {
    RunConfig config;
    std::uint16_t shards = 1;
    std::uint16_t student_hosts = 0;
    std::uint16_t actor_hosts = 0;
    std::vector<std::uint16_t> host_of_student;  ///< [students]
    std::vector<ModelFacts> models;              ///< teacher first, then the students
    double tolerance = 0;                        ///< of the rate limiter, resolved
    std::string token;
    double start_unix_s = 0;
    std::uint32_t attempt = 1;
  };

  /// How the run ended.
  struct Outcome {
    bool failed = false;
    std::string reason;                   ///< for status.json
    std::vector<std::string> unanswered;  ///< roles that did not leave in time: abort the job
  };

  Coordinator(Settings settings, RunRecorder& recorder);

  RoleAddress Address() const override { return kCoordinatorAddress; }
  void Handle(const Envelope& envelope, Time now, Outbox& out) override;
  void Tick(Time now, Outbox& out) override;

  /// Ends the run early but in order; the reason goes to status.json.
  void Fail(const std::string& reason);

  bool Finished() const { return finished_; }
  const Outcome& Result() const { return outcome_; }
  RunPhase Phase() const { return phase_; }
  const Scoreboard& Scores() const { return scores_.Board(); }

 private:
  enum class Step : std::uint8_t {
    kRunning,
    kFreezing,
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
  void FreezeStudents(Time now, Outbox& out);
  void BeginFinal(Time now, Outbox& out);
  void BeginLeaving(Time now, Outbox& out);
  void TakeRound(Time now);
  void StartPeriodicRound(Time now);
  void SetPhase(RunPhase phase, Time now, Outbox& out);
  void Broadcast(Time now, Outbox& out);
  bool Due(const Duration& every, double& last, Time now) const;
  std::vector<RoleAddress> Everyone() const;

  Settings settings_;
  RunRecorder& recorder_;
  RateLimiter limiter_;
  ProgressTracker progress_;
  EvaluationScheduler evaluation_;
  ScoreKeeper scores_;
  Outcome outcome_;
  RunPhase phase_ = RunPhase::kTrain;
  Step step_ = Step::kRunning;
  Time step_since_{};
  Time frozen_at_{};
  Time last_broadcast_{};
  double last_evaluation_ = 0;
  double last_progress_ = 0;
  bool started_ = false;
  bool finished_ = false;
  std::vector<std::string> endpoints_;
  std::size_t endpoints_known_ = 0;
  std::vector<std::uint64_t> insert_granted_;
  std::uint64_t sample_granted_ = 0;
  std::set<RoleAddress> frozen_;
  std::set<RoleAddress> left_;
};

}  // namespace stillhouse
