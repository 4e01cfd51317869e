#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/messages/control.h"

namespace stillhouse {

/// What the coordinator knows of a job at a moment, as far as somebody may wait for something.
struct StallFacts {
  // What moves while a job makes progress; any change will do.
  std::uint64_t frames = 0;
  std::uint64_t updates = 0;
  std::uint64_t student_updates = 0;      ///< of all students
  std::uint64_t evaluation_episodes = 0;  ///< of rounds that are waited for

  /// A process that has said nothing for a while: stopped, starved or cut off.
  struct SilentRank {
    std::string who;  ///< "rank 3 (shard, box, pid 123)"
    Time since{};
  };
  std::vector<SilentRank> silent;

  LearnerWait learner = LearnerWait::kNothing;
  std::vector<std::uint16_t> owing_shards;    ///< the learner waits for their replies
  std::vector<std::uint16_t> owing_learners;  ///< or for their gradients
  std::uint64_t store_size = 0;
  std::uint64_t min_size = 0;
  std::size_t workers_alive = 0;
  std::size_t actor_hosts_alive = 0;
  std::uint64_t workers_restarted = 0;
  bool inserts_blocked = false;                ///< chunks stand at the rate limiter
  bool sampling_blocked = false;               ///< so does the learner
  std::string limiter;                         ///< RateLimiter::WhoWaits
  std::vector<std::uint16_t> unopened_shards;  ///< they recover, or do not listen yet

  /// Something that the coordinator itself waits for.
  struct Pending {
    std::string what;             ///< "a checkpoint"
    std::vector<std::string> of;  ///< whose answer is missing
    Time since{};
    std::string bound;  ///< how long at most
  };
  std::vector<Pending> pending;
  /// An evaluation round: tasks with workers, seeds that nobody has.
  bool evaluating = false;
  Time evaluating_since{};
  std::size_t evaluation_tasks = 0;
  std::size_t evaluation_seeds_left = 0;
};

/// One wait in words.
struct ExplainedWait {
  std::string who;
  std::string for_what;
  std::optional<Time> since;
  std::string advice;
};

/// Everything that waits, what it waits for, and what to do about it; causes first. Pure.
std::vector<ExplainedWait> ExplainWaits(const StallFacts& facts);

/// Watches for progress. When there has been none for a while it says once why, again after twice
/// the time, four times..., and when it is over. Logic only.
class StallExplainer {
 public:
  /// `after`: without progress.
  explicit StallExplainer(Time after) : after_(after) {}

  /// Lines for the log, to be called often; nullopt: nothing to say.
  std::optional<std::string> Look(const StallFacts& facts, Time now);
  /// How long there has been no progress.
  Time StalledFor(Time now) const { return since_ ? now - *since_ : Time{}; }

 private:
  struct Counts {
    std::uint64_t frames = 0;
    std::uint64_t updates = 0;
    std::uint64_t student_updates = 0;
    std::uint64_t evaluation_episodes = 0;
    bool operator==(const Counts&) const = default;
  };
  Time after_;
  Counts last_;
  std::optional<Time> since_;  ///< the last progress
  Time next_{};                ///< of the stall: when to speak again
  bool spoken_ = false;
};

}  // namespace stillhouse
