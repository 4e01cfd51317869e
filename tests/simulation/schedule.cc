#include "tests/simulation/schedule.h"

#include <chrono>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "tests/simulation/cluster.h"
#include "tests/simulation/sim_job.h"

namespace stillhouse::simulation {
namespace {
using namespace std::chrono_literals;
/// Every life ends by then: the limits of the protocol (10 s for a stopped student at checkpoint,
/// freeze and leaving, 3 s a pin) with room.
constexpr Time kLongestLife = 90s;
constexpr Time kFaultsWithin = 2500ms;
constexpr Time kLongestStop = 600ms;
constexpr Time kLongestLeap = 20s;
/// A coordinator to which others have been silent for longer may give them up, and does right.
constexpr Time kLongestLeapOfTheCoordinator = 1s;

/// How a life is to end early.
enum class Ending : std::uint8_t {
  kNone,
  kAfterCheckpoint,  ///< kill -9 some time after a checkpoint
  kInTail,           ///< ... after the teacher was frozen
  kInFinal,          ///< ... in the final evaluation
  kKillShard,        ///< a shard is killed; the launcher then kills the others
  kPreempt,          ///< SIGUSR1
  kBreakTeacher,     ///< the teacher's loss is no number: the run ends as failed
  kRefuseDisk,       ///< the disk of a shard refuses: the run ends as failed
};

/// Of the schedule under way, for whoever ends the process in it.
volatile std::uint64_t current_seed = 0;

class Schedule {
 public:
  Schedule(std::uint64_t seed, const ScheduleOptions& options) : bug_(options.bug), world_(seed) {
    current_seed = seed;
    world_.trace.WriteTo(options.log);
  }

  ScheduleResult Run() {
    cli::Job job = DrawJob(world_);
    result_.seed = world_.seed;
    result_.shards = job.Shards();
    result_.student_hosts = job.StudentHosts();
    result_.workers = static_cast<std::uint64_t>(job.layout.Workers());
    durable_ = job.config.replay.durability != Durability::kNone;
    if (durable_) {
      for (std::uint16_t shard = 0; shard < job.Shards(); ++shard) {
        disk_.folders.push_back(std::make_unique<SimFolder>(world_));
      }
    }
    const int deaths = 1 + (world_.rng.Below(3) == 0 ? 1 : 0);
    for (int life = 0; life <= deaths; ++life) {
      const Ending ending = life == deaths ? Ending::kNone : DrawEnding(life);
      if (!Live(job, ending)) break;
      job.attempt = static_cast<std::uint32_t>(life + 2);
      job.store.fresh = false;
      for (const auto& folder : disk_.folders) folder->Mend();
      if (disk_.checkpoints.empty()) continue;  // it had no room: the run starts anew
      job.resuming = true;
      job.resume = MakeResumePoint(disk_.checkpoints.back(), job.model_names);
      job.store.shard_parts = job.resume->shards;
      ledgers_->priorities.Expect(job.resume->shards);
      if (bug_ == PlantedBug::kOldPriorities) {
        job.store.shard_parts = MakeResumePoint(disk_.checkpoints.front(), job.model_names).shards;
      }
      job.store.inserted = job.resume->coordinator.inserted;
      ++result_.resumes;
    }
    result_.hash = world_.trace.Hash();
    result_.violations = world_.violations;
    result_.coverage = world_.coverage;
    result_.events = world_.events.Done();
    result_.virtual_s = Seconds(world_.Now());
    return result_;
  }

 private:
  Ending DrawEnding(int life) {
    if (life == 0 && world_.faults.kill_shard) return Ending::kKillShard;
    if (life == 0 && world_.faults.refuse_disk && durable_) return Ending::kRefuseDisk;
    switch (world_.rng.Below(7)) {
      case 0:
        return Ending::kInTail;
      case 1:
        return Ending::kInFinal;
      case 2:
        return Ending::kPreempt;
      case 3:
        return Ending::kBreakTeacher;
      default:
        return Ending::kAfterCheckpoint;
    }
  }

  /// True when the life has ended early and the job is to be resumed.
  bool Live(const cli::Job& job, Ending ending) {
    world_.Note(fmt::format("attempt {} begins", job.attempt));
    ending_ = ending;
    armed_ = over_ = false;
    disk_failures_ = disk_.failures;
    if (!ledgers_ || !durable_) ledgers_ = std::make_unique<Ledgers>(world_, job);
    cluster_ = std::make_unique<Cluster>(job, world_, disk_, *ledgers_, bug_);
    cluster_->Adopt(std::exchange(guests_, {}));
    const std::uint64_t acknowledged = ledgers_->items.Acknowledged();
    PlanFaults();
    const Time limit = world_.Now() + kLongestLife;
    while (!over_ && !cluster_->Finished()) {
      if (!cluster_->Step() || world_.Now() > limit) {
        world_.Violation(fmt::format("attempt {} does not end", job.attempt));
        ending_ = Ending::kNone;
        break;
      }
      ArmEnding();
    }
    const bool again = Conclude();
    result_.acknowledged += ledgers_->items.Acknowledged() - acknowledged;
    result_.recovered = ledgers_->items.Recovered();
    result_.restored = ledgers_->priorities.Restored();
    const bool lose_power = over_ && job.config.replay.durability == Durability::kSync &&
                            world_.Chance(world_.faults.lose_power);
    guests_ = cluster_->TakeGuests();
    cluster_.reset();
    if (lose_power) LosePower();
    world_.events.Clear();  // what the last of it had planned
    return again;
  }

  bool Conclude() {
    result_.checkpoints += cluster_->Recorder().Written();
    result_.updates_while_stopped += cluster_->UpdatesWhileStopped();
    result_.evaluation_episodes += cluster_->Evaluation().Episodes();
    result_.worst_rate = std::max(result_.worst_rate, cluster_->WorstRate());
    if (over_) {
      cluster_->KillAll();
      return true;
    }
    if (!cluster_->Finished()) return false;
    cluster_->CloseLogs();
    // A run that is to be preempted and cannot write its checkpoint fails.
    const bool may_fail = ending_ == Ending::kBreakTeacher || ending_ == Ending::kRefuseDisk ||
                          (ending_ == Ending::kPreempt && disk_.failures > disk_failures_);
    cluster_->CheckEnd(may_fail);
    const auto& outcome = cluster_->TheCoordinator().Result();
    result_.preemptions += outcome.preempted ? 1 : 0;
    result_.failures += outcome.failed ? 1 : 0;
    if (outcome.preempted && disk_.checkpoints.empty()) {
      world_.Violation("preempted without a checkpoint");
    }
    return outcome.preempted || outcome.failed;
  }

  void ArmEnding() {
    if (ending_ == Ending::kNone) return;
    const RunPhase phase = cluster_->TheCoordinator().Phase();
    // Whoever gets as far as the end dies in its last moment.
    const auto& outcome = cluster_->TheCoordinator().Result();
    if (phase == RunPhase::kEnd && !outcome.preempted && !outcome.failed) {
      over_ = true;
      return;
    }
    const bool ready = cluster_->Recorder().Written() > 0;
    const bool due = (ending_ == Ending::kInTail && phase >= RunPhase::kTail) ||
                     (ending_ == Ending::kInFinal && phase >= RunPhase::kFinal) ||
                     ending_ == Ending::kAfterCheckpoint || ending_ == Ending::kKillShard ||
                     ending_ == Ending::kPreempt || ending_ == Ending::kBreakTeacher ||
                     ending_ == Ending::kRefuseDisk;
    if (armed_ || !ready || !due) return;
    armed_ = true;
    const bool early = ending_ == Ending::kInTail || ending_ == Ending::kInFinal;
    world_.events.After(world_.Between({}, early ? Time(60ms) : Time(500ms)), [this] { Strike(); });
  }

  void Strike() {
    if (ending_ == Ending::kPreempt) {
      cluster_->TheCoordinator().Preempt("stopped by signal 10");
    } else if (ending_ == Ending::kBreakTeacher) {
      cluster_->BreakTeacher();
    } else if (ending_ == Ending::kRefuseDisk) {
      disk_.folders.at(world_.rng.Below(disk_.folders.size()))->Refuse(world_.rng.Below(2) == 0);
    } else if (ending_ == Ending::kKillShard) {
      cluster_->KillShard(static_cast<std::uint16_t>(world_.rng.Below(cluster_->Shards())));
      world_.events.After(world_.Between(1ms, 300ms), [this] { over_ = true; });
    } else {
      over_ = true;
    }
  }

  void PlanFaults() {
    const FaultPlan& plan = world_.faults;
    for (int i = 0; i < plan.stops; ++i) {
      const bool for_good = plan.stop_for_good && i + 1 == plan.stops;
      world_.events.After(world_.Between(50ms, kFaultsWithin), [this, for_good] {
        const auto host = static_cast<std::uint16_t>(world_.rng.Below(cluster_->StudentHosts()));
        cluster_->StopStudent(host);
        if (for_good) return;
        world_.events.After(world_.Between(50ms, kFaultsWithin), [this, host] {
          cluster_->ContinueRole({RoleKind::kStudentHost, host});
        });
      });
    }
    for (int i = 0; i < plan.pauses; ++i) {
      world_.events.After(world_.Between(50ms, kFaultsWithin), [this] { Pause(); });
    }
    for (int i = 0; i < plan.leaps; ++i) {
      world_.events.After(world_.Between(50ms, kFaultsWithin), [this] {
        // One more than there are ranks: a worker's.
        const std::size_t rank = world_.rng.Below(cluster_->Ranks() + 1);
        const Time most = rank == 0 ? kLongestLeapOfTheCoordinator : kLongestLeap;
        cluster_->LeapClock(rank, world_.Between(100ms, most));
      });
    }
    if (plan.guest) {
      world_.events.After(world_.Between(50ms, kFaultsWithin), [this] {
        const std::int64_t guest = cluster_->JoinGuest();
        world_.events.After(world_.Between(10ms, kFaultsWithin),
                            [this, guest] { cluster_->LeaveGuest(guest); });
      });
    }
    if (plan.rank_dies) {
      world_.events.After(world_.Between(300ms, kFaultsWithin), [this] { cluster_->KillRank(); });
    }
    for (int i = 0; i < plan.worker_kills; ++i) {
      world_.events.After(world_.Between(50ms, kFaultsWithin), [this] { cluster_->KillWorker(); });
    }
  }

  /// A rank that no student host plays on: those are stopped for longer, by others.
  void Pause() {
    std::size_t rank = world_.rng.Below(cluster_->Ranks() - cluster_->StudentHosts());
    if (rank >= cluster_->Learners()) rank += cluster_->StudentHosts();
    cluster_->PauseRank(rank);
    world_.events.After(world_.Between(10ms, kLongestStop),
                        [this, rank] { cluster_->ContinueRank(rank); });
  }

  void LosePower() {
    world_.Note("the power fails");
    for (const auto& folder : disk_.folders) folder->LosePower();
  }

  const PlantedBug bug_;
  World world_;
  Disk disk_;
  bool durable_ = false;
  std::unique_ptr<Ledgers> ledgers_;
  SimProcesses::Guests guests_;  ///< workers from outside, between two lives
  std::unique_ptr<Cluster> cluster_;
  Ending ending_ = Ending::kNone;
  std::uint64_t disk_failures_ = 0;  ///< when this life began
  bool armed_ = false;
  bool over_ = false;
  ScheduleResult result_;
};

}  // namespace

ScheduleResult RunSchedule(std::uint64_t seed, const ScheduleOptions& options) {
  return Schedule(seed, options).Run();
}

std::uint64_t CurrentSeed() { return current_seed; }

std::string ReplayCommand(std::uint64_t seed, PlantedBug bug) {
  std::string command = fmt::format("build/tests/simulation_test --seed={}", seed);
  if (bug != PlantedBug::kNone) command += fmt::format(" --bug={}", BugName(bug));
  return command;
}

}  // namespace stillhouse::simulation
