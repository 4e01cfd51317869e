#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "actors/actor_host.h"
#include "cli/job.h"
#include "common/run/coordinator.h"
#include "tests/simulation/ledgers.h"
#include "tests/simulation/message_plane.h"
#include "tests/simulation/sim_compute.h"
#include "tests/simulation/sim_processes.h"
#include "tests/simulation/sim_recorder.h"
#include "tests/simulation/sim_shard.h"
#include "tests/simulation/watches.h"
#include "tests/simulation/wires.h"

namespace stillhouse::simulation {

/// One life of a job, from its start, fresh or resumed, to its end or death: the production roles
/// of `job`, joined by the two planes, in one thread and virtual time. Destroying it is kill -9 of
/// everything.
class Cluster final : private WireEnds, private ShardDoor {
 public:
  /// Everything is borrowed.
  Cluster(const cli::Job& job, World& world, Disk& disk, Ledgers& ledgers, PlantedBug bug);
  ~Cluster() override;
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  /// Does the next event and looks at what must always hold. False when nothing happens any more.
  bool Step();
  bool Finished() const { return coordinator_.Finished(); }
  Coordinator& TheCoordinator() { return coordinator_; }
  const SimRecorder& Recorder() const { return recorder_; }

  // Faults.
  void StopStudent(std::uint16_t host);
  void ContinueRole(RoleAddress role);
  /// SIGSTOP of a rank, whatever it plays; ContinueRank ends it.
  void PauseRank(std::size_t rank);
  void ContinueRank(std::size_t rank);
  /// The clock of one rank, or of one worker when `rank` is beyond the ranks, leaps ahead by this.
  void LeapClock(std::size_t rank, Time by);
  bool KillWorker() { return processes_.KillOne(); }
  /// A worker from outside joins; its process.
  std::int64_t JoinGuest();
  void LeaveGuest(std::int64_t process) { processes_.Leave(process); }
  /// The teacher's next update fails.
  void BreakTeacher() { teacher_.Break(); }
  void KillShard(std::uint16_t shard);
  /// kill -9 of some rank but rank 0, where the launcher lets the others live. They hear of it when
  /// its connections have been missed for a while. False: not now, nothing happens.
  bool KillRank();
  /// What is under way counts as lost; the cluster is of no further use.
  void KillAll();
  /// Ranks end in order: what their shards have handed to the disk is written first.
  void CloseLogs();
  SimProcesses::Guests TakeGuests() { return processes_.TakeGuests(); }
  void Adopt(SimProcesses::Guests guests) { processes_.Adopt(std::move(guests)); }

  std::size_t Ranks() const { return job_.layout.ranks.size(); }
  std::uint16_t Learners() const { return static_cast<std::uint16_t>(1 + followers_.size()); }
  std::uint16_t StudentHosts() const { return static_cast<std::uint16_t>(students_.size()); }
  std::uint16_t Shards() const { return static_cast<std::uint16_t>(shards_.size()); }
  std::uint64_t Updates() const { return learner_.Updates(); }
  std::uint64_t Inserted() const;
  std::size_t WorkersAlive() const { return processes_.Alive(); }
  std::uint64_t UpdatesWhileStopped() const { return teacher_watch_.UpdatesWhileStopped(); }
  double WorstRate() const { return rate_watch_.Worst(); }
  const EvaluationLedger& Evaluation() const { return evaluation_; }
  /// What must be so once the run has ended in order.
  void CheckEnd(bool may_fail);

 private:
  /// A role in its process.
  struct Node {
    Role* role = nullptr;
    std::size_t rank = 0;
    bool stopped = false;
    bool dead = false;
    bool failed = false;
    bool leapt = false;  ///< its clock has, and it has seen nothing since
    std::deque<std::function<void()>> held;
  };
  /// A learner beside learner 0.
  struct Follower {
    Follower(const NetworkSpec& network, LabelRows rows) : compute(network, rows) {}
    CountingTeacher compute;
    std::unique_ptr<TimedTeacher> port;
    std::unique_ptr<learner::FollowerRole> role;
  };
  struct StudentHost {
    std::unique_ptr<CountingStudents> compute;
    std::unique_ptr<TimedStudents> port;
    std::unique_ptr<learner::StudentRole> role;
    bool left_out = false;  ///< it was stopped when the run ended
  };
  struct Actors {
    std::unique_ptr<SimProcesses::Launcher> launcher;
    std::unique_ptr<actors::ActorHost> role;
  };

  // Connections' ends.
  void OnWireFrame(std::uint64_t wire, Side at, FrameKind kind,
                   std::span<const std::uint8_t> body) override;
  void OnWireLost(std::uint64_t wire, Side at) override;
  bool OnWorkerConnect(std::uint64_t wire, std::size_t shard) override;
  void AtShard(std::uint64_t wire, std::function<void(std::size_t)> action);
  void OnChunkSent(std::size_t shard, std::span<const std::uint8_t> chunk) override {
    items_.OnSent(shard, chunk);
  }
  bool MayForget(std::uint64_t incarnation) const override {
    return job_.config.replay.durability == Durability::kNone || items_.Dropped(incarnation);
  }

  void MakeStudentHost(std::uint16_t host);
  void MakeActorHosts(PlantedBug bug);
  void MakeShard(std::uint16_t shard, Ledgers& ledgers, PlantedBug bug);
  /// Of what computes for the learner `role`.
  TimedTeacher::Hooks TeacherHooks(RoleAddress role, CountingTeacher& teacher,
                                   std::function<void(learner::TeacherOutcome)> deliver);
  void MakeFollower(std::uint16_t index);
  /// By the clock of its rank: each counts from its own beginning.
  Time NowOf(const Node& node) const { return world_.Now() - born_ + clocks_[node.rank]; }
  Time NowOf(RoleAddress role) const { return NowOf(nodes_.at(role)); }
  void Add(Role& role);
  void OnContinueRank(std::uint32_t rank);
  void Die(RoleAddress role);
  bool CanDoWithout(std::size_t rank) const;
  std::uint16_t HostOf(std::uint16_t model) const;
  void PlanTick(RoleAddress role);
  void PlanRankReport(std::size_t rank);
  void Deliver(Envelope envelope);
  void Dispatch(Node& node, const Envelope& envelope);
  void OnSending(const Envelope& envelope);
  void OnArrival(const Envelope& envelope);
  void OnFailure(Node& node, const Error& error);
  void Watch();
  bool AnyStopped(RoleKind kind) const;

  const cli::Job& job_;
  World& world_;
  const Time born_;
  std::vector<Time> clocks_;  ///< [ranks] ahead of virtual time
  MessageTampering tampering_;
  MessagePlane messages_;
  Wires wires_;
  Disk& disk_;
  ItemLedger& items_;
  PriorityLedger& priorities_;
  RateWatch rate_watch_;
  TeacherWatch teacher_watch_;
  CreditWatch credit_watch_;
  EvaluationLedger evaluation_;
  SimProcesses processes_;
  SimRecorder recorder_;
  Coordinator coordinator_;
  CountingTeacher teacher_;
  TimedTeacher teacher_port_;
  learner::LearnerRole learner_;
  std::vector<std::unique_ptr<Follower>> followers_;
  std::vector<StudentHost> students_;
  std::vector<std::unique_ptr<SimShard>> shards_;
  std::vector<Actors> actors_;
  std::map<RoleAddress, Node> nodes_;
  std::map<std::uint64_t, std::size_t> shard_of_wire_;
  int stopped_ = 0;                      ///< roles
  std::vector<std::uint64_t> reported_;  ///< [shards] inserts, as the coordinator knows them
  bool learner_unaware_ = false;         ///< of a death that it may wait for
  bool death_to_be_named_ = false;       ///< it was known before the run ended
  std::uint64_t sample_grant_ = 0;       ///< as it reached the learner
  bool teacher_frozen_ = false;          ///< told to be, or as a resumed run finds it
};

}  // namespace stillhouse::simulation
