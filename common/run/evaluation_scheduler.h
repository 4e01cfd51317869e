#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "common/messages/evaluation.h"

namespace stillhouse {

/// What a round of evaluation is for.
enum class RoundKind : std::uint8_t {
  kRandom,    ///< uniform random actions: the zero of every retention
  kPeriodic,  ///< all models while they train
  kFreeze,    ///< all models at the moment at which the teacher is frozen
  kFinal,     ///< frozen teacher and students, on seeds that no earlier round played
};

/// Everything that one model got out of a round.
struct ModelEvaluation {
  ModelVersion model;
  std::vector<double> returns;     ///< one a seed, in seed order
  Comparison on_reference_states;  ///< this model against the teacher, on the teacher's states
  Comparison on_own_states;        ///< the same on the states that this model visited
};

struct RoundResult {
  std::uint32_t round = 0;
  RoundKind kind = RoundKind::kPeriodic;
  std::vector<ModelEvaluation> models;
};

/// Runs evaluation rounds one after the other: has every model pin its present version, splits
/// (model, seeds) into tasks, hands them to workers, takes results, gives the seeds of lost
/// workers to others. Every seed counts once, whoever plays it and however often. Logic only.
class EvaluationScheduler {
 public:
  struct Settings {
    std::uint64_t seed = 1;  ///< of the run
    /// For data sets: consecutive seeds, which meet every held-out example once.
    bool consecutive_seeds = false;
    std::uint32_t random_episodes = 1000;
    std::uint32_t episodes = 32;
    std::uint32_t final_episodes = 1000;
    double epsilon = 0;
    std::uint32_t max_steps = 10000;
    std::vector<RoleAddress> publishers;  ///< learner first, then the student hosts
    std::uint16_t shards = 1;
    /// Numbers of tasks up to this one belong to earlier attempts: a worker that outlived one may
    /// still answer what that asked.
    std::uint64_t tasks_before = 0;
  };

  explicit EvaluationScheduler(Settings settings);

  void StartRound(RoundKind kind, Time now);
  /// Gives up the round under way and those that wait; the random round is finished first.
  void CancelRound(RoleAddress address, Outbox& out);
  bool Busy() const { return round_.has_value() || !queue_.empty(); }
  /// Whether a round of this kind is under way or waits.
  bool Has(RoundKind kind) const;

  void OnPinned(const Pinned& pinned, RoleAddress from);
  void OnWorkers(std::uint16_t shard, const std::vector<std::uint64_t>& home_workers);
  /// This shard is dead: nothing that was sent through it is waited for.
  void OnShardDown(std::uint16_t shard);
  /// This publisher is gone for good: its models are played no more. A round under way starts
  /// anew without them, for their weights may be missing anywhere.
  void OnPublisherDown(RoleAddress publisher, RoleAddress address, Outbox& out);
  void OnResult(const EvaluationResult& result);
  /// Sends what is due. `address` is the sender's.
  void Tick(Time now, RoleAddress address, Outbox& out);
  std::optional<RoundResult> TakeFinished();

  // For those who wonder why nothing happens.

  /// Episodes that have counted so far, but for periodic rounds: those are played over and over
  /// while training stands still.
  std::uint64_t EpisodesThatLead() const { return episodes_; }
  /// When the round under way began; 0 without one.
  Time RoundSince() const { return round_ ? round_->started : Time{}; }
  /// Publishers that have not pinned yet.
  std::vector<RoleAddress> MissingPins() const;
  std::size_t TasksInHand() const { return round_ ? round_->tasks.size() : 0; }
  std::size_t SeedsLeft() const;

  /// The fixed seeds of a kind of round: 32-bit, disjoint between kinds, up to 2^30 a kind.
  static std::vector<std::uint64_t> Seeds(std::uint64_t run_seed, RoundKind kind,
                                          std::uint32_t count, bool consecutive = false);

 private:
  struct Play {  // one model's seeds in a round
    ModelEvaluation evaluation;
    std::deque<std::uint64_t> to_assign;
    std::map<std::uint64_t, double> played;  // seed -> return
  };
  struct Task {
    std::uint64_t worker = 0;
    std::size_t play = 0;
    std::set<std::uint64_t> open;
    Time deadline{};
  };
  struct Round {
    std::uint32_t number = 0;
    RoundKind kind = RoundKind::kPeriodic;
    std::uint32_t episodes = 0;
    bool asked = false;
    bool assigned_models = false;
    Time started{};
    std::set<RoleAddress> answered;
    std::vector<ModelVersion> pinned;
    std::vector<Play> plays;
    std::map<std::uint64_t, Task> tasks;
  };

  void Begin(Time now, RoleAddress address, Outbox& out);
  bool PinsComplete(Time now) const;
  void MakePlays();
  void TakeBackLostTasks(Time now);
  void Assign(Time now, RoleAddress address, Outbox& out);
  EvaluationTask MakeTask(std::size_t play, std::uint64_t worker, std::size_t seeds);
  void FinishIfComplete(RoleAddress address, Outbox& out);

  Settings settings_;
  std::map<std::uint64_t, std::uint16_t> home_of_;  ///< worker -> shard
  std::deque<RoundKind> queue_;
  std::optional<Round> round_;
  std::optional<RoundResult> finished_;
  std::uint32_t rounds_ = 0;
  std::uint64_t tasks_ = 0;
  std::uint64_t episodes_ = 0;
};

}  // namespace stillhouse
