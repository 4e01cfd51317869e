#include "cli/actor_command.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <random>
#include <utility>

#include "actors/actor_host.h"
#include "actors/process_launcher.h"
#include "cli/actor_probe.h"
#include "common/base/error.h"
#include "common/base/secret.h"
#include "common/net/event_loop.h"
#include "common/run/run_directory.h"
#include "common/telemetry/log.h"

namespace stillhouse::cli {
namespace {

using namespace std::chrono_literals;
constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kRefused = 2;

/// Of a job that is only just starting: endpoints.json and the shards may be a moment away.
constexpr Time kPatience = 10s;
constexpr Time kSlice = 20ms;
/// A resumed job listens elsewhere: its directory is looked at this often.
constexpr Time kLookEvery = 2s;
/// When one worker was told that the run is over, the others are told within this time.
constexpr Time kOthersFollow = 2s;

/// Passes processes on, and keeps how they ended: ActorHost only restarts them.
class WatchedLauncher final : public actors::ProcessLauncher {
 public:
  explicit WatchedLauncher(std::int32_t envs) : launcher_(actors::DefaultWorkerProgram(), envs) {}
  std::int64_t Start(const actors::WorkerLaunch& launch) override {
    return launcher_.Start(launch);
  }
  std::vector<Exit> Poll() override {
    auto exits = launcher_.Poll();
    for (const Exit& exit : exits) {
      run_over = run_over || exit.status == kDone;
      refused = refused || exit.status == kRefused;
      lost = lost || exit.status == kFailed;
    }
    return exits;
  }
  std::optional<std::vector<std::int64_t>> TakeBeats() override { return launcher_.TakeBeats(); }
  void Stop(std::int64_t pid, bool at_once) override { launcher_.Stop(pid, at_once); }

  bool run_over = false;  ///< a worker was told so
  bool refused = false;   ///< a worker was; it has said why
  bool lost = false;      ///< a worker has given its shards up

 private:
  actors::WorkerLauncher launcher_;
};

/// The supervisor has no coordinator to report to.
class NoOutbox final : public Outbox {
 public:
  void Send(Envelope) override {}
};

template <typename Body>
void Tell(actors::ActorHost& host, const Body& body, Time now) {
  NoOutbox nobody;
  ByteWriter bytes;
  body.Encode(bytes);
  host.Handle({kCoordinatorAddress, host.Address(), Body::kKind, bytes.Take()}, now, nobody);
}

class Session {
 public:
  explicit Session(const ActorCommandOptions& options)
      : options_(options), log_({.prefix = "actor"}) {
    loop_.OnSignals({SIGINT, SIGTERM}, [this](int) { ++signals_; });
  }

  int Run() {
    while (true) {
      const auto target = WaitForTarget();
      if (!target) return kDone;
      const ProbeResult probe = Probe(*target);
      switch (probe.kind) {
        case ProbeResult::Kind::kStopped:
          return kDone;
        case ProbeResult::Kind::kRefused:
          log_.Error("{}", probe.message);
          return kRefused;
        case ProbeResult::Kind::kUnreachable:
          return Unreachable(*target, probe.message);
        case ProbeResult::Kind::kWelcome:
          break;
      }
      if (const auto status = Play(*target)) return *status;
    }
  }

 private:
  /// nullopt: told to stop. A run directory whose job is only just starting gets some time.
  std::optional<ActorTarget> WaitForTarget() {
    const Time end = clock_.Now() + kPatience;
    bool waiting = false;
    while (signals_ == 0) {
      try {
        return ResolveActorTarget(options_, token_.empty() ? nullptr : token_.c_str());
      } catch (const StorageError& error) {
        if (!waiting) log_.Info("waiting for a job in {}", options_.connect);
        waiting = true;
        if (clock_.Now() > end) {
          throw StorageError(fmt::format("{}; waited {:.0f} s for a job to say where it listens",
                                         error.what(), Seconds(kPatience)));
        }
      }
      loop_.RunOnce(kSlice);
    }
    return std::nullopt;
  }

  ProbeResult Probe(const ActorTarget& target) {
    return ProbeShards(loop_, target.addresses, target.token, kPatience,
                       [this] { return signals_ > 0; });
  }

  int Unreachable(const ActorTarget& target, const std::string& message) {
    const auto file = target.run_dir.empty() ? std::nullopt : ReadRunStatus(target.run_dir);
    const std::string status = file ? file->status : "";
    if (joined_ && status == "done") {
      log_.Info("the run is over");
      return kDone;
    }
    log_.Error("{}", message);
    if (!status.empty() && status != "running") {
      log_.Error("{}: the run there is {}", target.run_dir.string(), status);
    } else {
      log_.Error(
          "is the job running, and does it listen on an address that this machine reaches "
          "(actors.listen)?");
    }
    return kFailed;
  }

  /// Until the run is over or we are to leave: the exit status. nullopt: the job listens
  /// elsewhere now, or may do so: begin again.
  std::optional<int> Play(const ActorTarget& target) {
    WatchedLauncher launcher(options_.envs);
    // From the upper half: these indices name streams that no planned worker has.
    const std::uint32_t first = 0x80000000U | (std::random_device{}() >> 2U);
    actors::ActorHostSettings settings;
    settings.first_worker = first;
    settings.workers = settings.workers_of_job = static_cast<std::uint32_t>(options_.workers);
    actors::ActorHost host(settings, launcher);
    Tell(host, EndpointTable{target.addresses, target.token}, clock_.Now());
    log_.Info("joined: {} shards, {} workers{}", target.addresses.size(), options_.workers,
              target.run_dir.empty() ? "" : " for " + target.run_dir.string());
    joined_ = true;
    Time looked = clock_.Now();
    while (signals_ == 0) {
      loop_.RunOnce(kSlice);
      host.Tick(clock_.Now(), nobody_);
      if (launcher.run_over) {
        Follow(host);
        log_.Info("the run is over");
        return kDone;
      }
      if (launcher.refused) {
        Leave(host);
        return kRefused;
      }
      const bool look = clock_.Now() - looked > kLookEvery;
      if (look) looked = clock_.Now();
      // A worker that has lost its shards was patient already; is it the worker or the job?
      const bool lost = std::exchange(launcher.lost, false) &&
                        Probe(target).kind == ProbeResult::Kind::kUnreachable;
      if (lost || (look && Moved(target))) {
        Leave(host);
        log_.Warning("the job is gone, or listens elsewhere now; connecting again");
        return std::nullopt;
      }
    }
    log_.Info("leaving");
    Leave(host);
    return kDone;
  }

  bool Moved(const ActorTarget& target) const {
    if (target.run_dir.empty()) return false;
    try {
      return !(ResolveActorTarget(options_, nullptr) == target);
    } catch (const Error&) {
      return false;  // being written, or gone: the workers will see
    }
  }

  /// Gives the other workers time to be told, too.
  void Follow(actors::ActorHost& host) {
    const Time end = clock_.Now() + kOthersFollow;
    while (host.Alive() > 0 && clock_.Now() < end && signals_ == 0) {
      loop_.RunOnce(kSlice);
      host.Tick(clock_.Now(), nobody_);
    }
    Leave(host);
  }

  /// Workers say goodbye (SIGTERM), or are ended when they take too long or at a second signal.
  void Leave(actors::ActorHost& host) {
    const int before = signals_;
    Tell(host, stillhouse::Leave{}, clock_.Now());
    while (!host.HasLeft() && signals_ <= std::max(before, 1)) {
      loop_.RunOnce(kSlice);
      host.Tick(clock_.Now(), nobody_);
    }
  }

  const ActorCommandOptions& options_;
  const std::string token_ = TakeFromEnvironment(actors::kTokenVariable);
  const Log log_;
  const SteadyClock clock_;
  EventLoop loop_;
  NoOutbox nobody_;
  int signals_ = 0;
  bool joined_ = false;
};

}  // namespace

int RunActor(const ActorCommandOptions& options) {
  // What cannot work is said at once; what may only be late is waited for.
  return Session(options).Run();
}

}  // namespace stillhouse::cli
