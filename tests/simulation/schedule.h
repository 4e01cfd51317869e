#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/simulation/coverage.h"
#include "tests/simulation/planted_bug.h"

namespace stillhouse::simulation {

struct ScheduleOptions {
  PlantedBug bug = PlantedBug::kNone;
  std::string* log = nullptr;  ///< where the trace goes as text
};

/// What one schedule saw.
struct ScheduleResult {
  std::uint64_t seed = 0;
  std::uint64_t hash = 0;  ///< of everything that happened
  std::vector<std::string> violations;
  Coverage coverage;
  std::uint64_t shards = 0;
  std::uint64_t student_hosts = 0;
  std::uint64_t workers = 0;
  std::uint64_t checkpoints = 0;  ///< complete
  std::uint64_t resumes = 0;
  std::uint64_t preemptions = 0;
  std::uint64_t failures = 0;               ///< runs that ended as failed, as they had to
  std::uint64_t acknowledged = 0;           ///< items
  std::uint64_t recovered = 0;              ///< acknowledged items found again after a death
  std::uint64_t restored = 0;               ///< priorities that came back with a checkpoint
  std::uint64_t updates_while_stopped = 0;  ///< of the teacher, while a student host was stopped
  std::uint64_t evaluation_episodes = 0;
  std::uint64_t events = 0;
  double virtual_s = 0;
  double worst_rate = 0;  ///< largest deviation of the rate limiter, in tolerances
};

/// Plays one schedule: a job drawn from the seed, from its start through at least one death and
/// resume to its end, with the seed's faults. Depends on nothing but its arguments.
ScheduleResult RunSchedule(std::uint64_t seed, const ScheduleOptions& options = {});

/// Of the schedule under way: a failed SH_CHECK ends the process in it.
std::uint64_t CurrentSeed();

/// What one types to see it again.
std::string ReplayCommand(std::uint64_t seed, PlantedBug bug);

}  // namespace stillhouse::simulation
