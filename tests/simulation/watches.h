#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "common/config/run_config.h"
#include "common/run/coordinator_state.h"
#include "tests/simulation/world.h"

namespace stillhouse::simulation {

/// The contract's rate limiter: with I items and S samples, once I >= m,
/// |S - s (I - m)| <= tolerance. Looked at after everything that changes either.
///
/// A resumed run counts on from its checkpoint. Without a durable store its items are gone: until m
/// have come again nothing may be sampled, and as many are let in as at a first start. With one,
/// the store counts for itself.
class RateWatch {
 public:
  RateWatch(World& world, const ReplaySettings& replay, double tolerance,
            const std::optional<ResumePoint>& resume);

  /// What the shards' stores hold at the start of this life, and have ever held.
  void OnRecovered(std::uint64_t held, std::uint64_t inserted);
  /// `inserted`: into the shards of this life, and into a durable store before it. `sampled`: in
  /// all; 0 before the learner is restored.
  /// `frozen`: nothing is sampled any more, and items come to fill the store for the students.
  void Look(std::uint64_t inserted, std::uint64_t sampled, bool frozen);
  /// Largest |S - s (I - m)| / tolerance seen.
  double Worst() const { return worst_; }

 private:
  World& world_;
  double samples_per_insert_;
  double min_size_;
  double tolerance_;
  bool resumed_;
  double inserted_before_ = 0;
  double held_ = 0;         ///< at the start of this life
  double inserted_at_ = 0;  ///< by the shards' count, at the start of this life
  double sampled_before_ = 0;
  double worst_ = 0;
};

/// No student host is sent more labelled batches than it has given credits for.
class CreditWatch {
 public:
  explicit CreditWatch(World& world) : world_(world) {}

  void OnCredit(std::uint16_t host, std::uint32_t credits) { room_[host] += credits; }
  void OnBatch(std::uint16_t host);

 private:
  World& world_;
  std::map<std::uint16_t, std::int64_t> room_;
};

/// The teacher never waits for a student: while it trains and has something to do, updates follow
/// one another within the time that messages and arithmetic may take, whatever students do.
class TeacherWatch {
 public:
  explicit TeacherWatch(World& world) : world_(world) {}

  /// `can_work`: it has a job in hand, or a grant for another batch.
  void Look(std::uint64_t updates, bool can_work, bool student_stopped);
  /// Updates made while some student host was stopped.
  std::uint64_t UpdatesWhileStopped() const { return while_stopped_; }

 private:
  World& world_;
  std::uint64_t updates_ = 0;
  std::uint64_t while_stopped_ = 0;
  std::optional<Time> idle_since_;
};

}  // namespace stillhouse::simulation
