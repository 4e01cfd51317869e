#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/messages/control.h"
#include "common/messages/envelope.h"

namespace stillhouse::actors {

/// What a worker process needs to start.
struct WorkerLaunch {
  std::uint32_t index = 0;  ///< among the workers of the job
  /// Of the shards that it writes to; its home is the one at index % addresses.
  std::vector<std::string> addresses;
  std::string token;
};

/// Starts and ends worker processes. Implemented by process_launcher.h and by tests.
class ProcessLauncher {
 public:
  struct Exit {
    std::int64_t pid = 0;
    int status = 0;  ///< exit status; 128 + signal when a signal ended it
  };
  virtual ~ProcessLauncher() = default;
  /// The new process's id. Throws CommError when it cannot be started.
  virtual std::int64_t Start(const WorkerLaunch& launch) = 0;
  /// Processes that have ended since the last call. Does not wait.
  virtual std::vector<Exit> Poll() = 0;
  /// Processes that have given a sign of life since the last call; nullopt: nobody listens for any.
  virtual std::optional<std::vector<std::int64_t>> TakeBeats() { return std::nullopt; }
  /// Asks it to end (SIGTERM), or ends it (SIGKILL). A process that is gone already is fine.
  virtual void Stop(std::int64_t pid, bool at_once) = 0;
};

struct ActorHostSettings {
  static constexpr Time kHangLimit = std::chrono::seconds(30);

  std::uint16_t index = 0;         ///< among the actor hosts
  std::uint32_t first_worker = 0;  ///< the job-wide index of this host's first worker
  std::uint32_t workers = 1;
  std::uint32_t workers_of_job = 1;
  std::uint32_t shards_per_worker = 0;  ///< as configured: see ShardsPerWorker
  Time hang_limit = kHangLimit;
};

/// Supervises the worker processes of one rank: starts them when it knows the shards, starts them
/// again with back-off (0.2 s doubling to 5 s, anew after 30 s of life) when they die, ends those
/// that give no sign of life for `hang_limit` so that they are started again too, reports every
/// second and on change, and stops them on Leave. A worker that ends with status 0 was told so by
/// its shards (the run is over) and stays gone.
class ActorHost final : public Role {
 public:
  /// launcher outlives this.
  ActorHost(const ActorHostSettings& settings, ProcessLauncher& launcher);
  /// Ends what still runs, at once.
  ~ActorHost() override;

  RoleAddress Address() const override { return {RoleKind::kActorHost, settings_.index}; }
  void Handle(const Envelope& envelope, Time now, Outbox& out) override;
  void Tick(Time now, Outbox& out) override;

  std::uint32_t Alive() const;
  std::uint64_t Restarts() const { return restarts_; }
  std::uint64_t Hangs() const { return hangs_; }
  bool HasLeft() const { return left_; }

 private:
  struct Worker {
    std::uint32_t index = 0;
    std::vector<std::uint32_t> shards;  ///< that it writes to
    std::int64_t pid = 0;               ///< 0: not running
    bool done = false;                  ///< ended with status 0
    Time started{};
    Time heard{};     ///< its last sign of life
    Time start_at{};  ///< not before
    Time back_off{};
  };
  void StartDue(Time now);
  /// Gives it shards to write to.
  void Place(Worker& worker) const;
  /// Ends workers whose shards have all died: they are started again with others.
  void EndStranded();
  void Collect(Time now);
  void EndHung(Time now);
  void Report(Time now, Outbox& out);
  void TickLeaving(Time now, Outbox& out);

  const ActorHostSettings settings_;
  ProcessLauncher& launcher_;
  std::vector<Worker> workers_;
  std::optional<EndpointTable> endpoints_;
  std::vector<std::uint16_t> dead_shards_;
  std::uint64_t restarts_ = 0;
  std::uint64_t hangs_ = 0;  ///< ended for giving no sign of life
  std::optional<Time> last_tick_;
  std::optional<Time> last_report_;
  std::uint32_t reported_alive_ = 0;
  std::uint64_t reported_restarts_ = 0;
  std::optional<Time> leaving_since_;
  bool killed_ = false;
  bool left_ = false;
};

}  // namespace stillhouse::actors
