#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "actors/actor.h"
#include "actors/actor_host.h"
#include "tests/simulation/wires.h"
#include "tests/simulation/world.h"

namespace stillhouse::simulation {

/// Where a shard "listens", and which shard that is.
std::string AddressOf(std::size_t shard);
std::size_t ShardAt(const std::string& address);

/// Where connections of workers end; the cluster implements it.
class ShardDoor {
 public:
  virtual ~ShardDoor() = default;
  /// A worker connects. False: nobody listens there (any more).
  virtual bool OnWorkerConnect(std::uint64_t wire, std::size_t shard) = 0;
  /// A chunk leaves a worker for that shard.
  virtual void OnChunkSent(std::size_t shard, std::span<const std::uint8_t> chunk) = 0;
  /// A shard may know less of this worker than it once acknowledged, with good reason.
  virtual bool MayForget(std::uint64_t incarnation) const = 0;
};

/// The worker processes of a job: production Actors, each with a TCP client a shard that connects
/// again whenever it is cut off, killed and started as the actor hosts and the schedule have it.
class SimProcesses {
 public:
  SimProcesses(World& world, Wires& wires, ShardDoor& door);
  ~SimProcesses();

  /// Workers that came from outside live on when the job dies, and find the resumed one.
  class Process;
  using Guests = std::vector<std::shared_ptr<Process>>;
  Guests TakeGuests();
  void Adopt(Guests guests);

  /// Of one actor host.
  class Launcher : public actors::ProcessLauncher {
   public:
    explicit Launcher(SimProcesses& processes) : processes_(processes) {}
    std::int64_t Start(const actors::WorkerLaunch& launch) override;
    std::vector<Exit> Poll() override;
    void Stop(std::int64_t pid, bool at_once) override;

   private:
    friend class SimProcesses;
    SimProcesses& processes_;
    std::vector<Exit> exits_;
  };

  void OnFrame(std::uint64_t wire, FrameKind kind, std::span<const std::uint8_t> body);
  void OnLost(std::uint64_t wire);
  /// The clock of one at random leaps ahead.
  void LeapClock(Time by);
  /// kill -9 of one at random; false when none lives.
  bool KillOne();
  /// Of all that this one has started: they die with their host.
  void KillAllOf(const Launcher& launcher);
  /// The incarnation at the worker's end, also when it is gone.
  std::uint64_t IncarnationOf(std::uint64_t wire) const;
  /// Guests aside: nobody waits for those.
  std::size_t Alive() const;
  /// A worker that no actor host knows joins (`stillhouse actor`). Its process.
  std::int64_t Join(std::uint32_t index, std::size_t shards, const std::string& token);
  /// It is asked to leave.
  void Leave(std::int64_t guest) { guests_.Stop(guest, false); }
  std::uint64_t Started() const { return started_; }
  /// Actor hosts start a worker again in time when it was killed. `excused`: there is a reason not
  /// to, just now.
  void WatchSupervision(bool excused);

 private:
  friend class Launcher;
  void End(std::int64_t pid, int status);
  void Kill(std::int64_t pid);
  std::int64_t AnyPid();
  Process* OfWire(std::uint64_t wire);

  World& world_;
  Wires& wires_;
  ShardDoor& door_;
  std::map<std::int64_t, std::shared_ptr<Process>> processes_;
  std::map<std::uint64_t, std::pair<std::int64_t, std::uint32_t>> of_wire_;  ///< pid, slot
  struct Death {
    Time since{};
    int count = 0;
    bool missing = false;
    const Launcher* by = nullptr;  ///< who had started it
  };
  std::map<std::uint32_t, Death> deaths_;  ///< by the worker's index
  int missing_ = 0;
  std::map<std::uint64_t, std::uint64_t> incarnations_;  ///< of every connection that there was
  Launcher guests_{*this};
  std::int64_t next_pid_ = 1000;
  std::uint64_t started_ = 0;
};

}  // namespace stillhouse::simulation
