#include "cli/train.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "actors/actor_host.h"
#include "actors/process_launcher.h"
#include "cli/file_recorder.h"
#include "cli/gather_hosts.h"
#include "cli/in_process_cluster.h"
#include "cli/job.h"
#include "cli/list.h"
#include "cli/rank_runtime.h"
#include "cli/setup.h"
#include "common/comm/mpi_session.h"
#include "common/config/config_load.h"
#include "common/config/config_print.h"
#include "learner/driver/role_drivers.h"
#include "learner/protocol/compute_loader.h"
#include "replay/driver/shard_driver.h"

namespace stillhouse::cli {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kPreempted = 75;
constexpr const char* kTokenWasArgument =
    "run.token was an argument: everybody on this machine can read those of mpirun while it runs; "
    "put it into a file of mode 0600 that the configuration includes";

double UnixSeconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Log MakeLog(const TrainOptions& options, const std::string& prefix) {
  LogOptions log;
  log.prefix = prefix;
  log.level = options.verbose ? LogLevel::kDebug
              : options.quiet ? LogLevel::kWarning
                              : LogLevel::kInfo;
  return Log(log);
}

/// Rank 0's ending: what the run was, for scripts and people.
int Conclude(const Coordinator::Outcome& outcome, const Scoreboard& scores, RunDirectory& directory,
             const Log& log) {
  const int status = outcome.failed ? kFailed : outcome.preempted ? kPreempted : kDone;
  const RunState state = outcome.failed      ? RunState::kFailed
                         : outcome.preempted ? RunState::kPreempted
                                             : RunState::kDone;
  directory.WriteStatus(state, outcome.reason, status);
  if (outcome.failed) {
    log.Error("run failed: {}", outcome.reason);
  } else if (outcome.preempted) {
    log.Info("{}: stopped after a complete checkpoint; --resume auto goes on", outcome.reason);
  } else {
    std::fputs(ScoreboardTable(scores).c_str(), stdout);
    std::fflush(stdout);
  }
  return status;
}

std::vector<double> MeasureLatencies(const Job& job) {
  std::vector<double> latency_us;
  for (const auto& network : job.networks) {
    latency_us.push_back(MeasureLatency(network, job.config.run.seed));
  }
  return latency_us;
}

/// The roles of this rank, alive for as long as the run.
struct RankRoles {
  std::optional<learner::ComputeModule> compute;
  std::unique_ptr<FileRecorder> recorder;
  std::unique_ptr<Coordinator> coordinator;
  std::unique_ptr<actors::ProcessLauncher> launcher;
  std::vector<std::unique_ptr<Role>> roles;
};

std::uint32_t FirstWorkerOf(const Job& job, std::int32_t host) {
  std::uint32_t first = 0;
  for (std::int32_t i = 0; i < host; ++i) {
    first +=
        static_cast<std::uint32_t>(job.layout.workers_of_actor_host[static_cast<std::size_t>(i)]);
  }
  return first;
}

template <typename RoleType>
void Host(RankRoles& rank, RankRuntime& runtime, std::unique_ptr<RoleType> role) {
  RoleType* borrowed = role.get();
  runtime.Add(*borrowed, [borrowed] { return borrowed->HasLeft(); });
  rank.roles.push_back(std::move(role));
}

/// A role that could not start: it fails as one that runs would, so that the job ends in order.
class UnstartedRole final : public Role {
 public:
  UnstartedRole(RoleAddress address, std::string why) : address_(address), why_(std::move(why)) {}
  RoleAddress Address() const override { return address_; }
  void Handle(const Envelope&, Time, Outbox&) override {}
  void Tick(Time, Outbox&) override { throw StorageError(why_); }
  bool HasLeft() const { return false; }

 private:
  RoleAddress address_;
  std::string why_;
};

void MakeShard(const Job& job, RoleAddress role, EventLoop& loop, const Clock& clock,
               const Log& log, RankRoles& rank, RankRuntime& runtime) {
  const ShardEndpoint& endpoint = job.shard_endpoints[role.index];
  try {
    Host(rank, runtime,
         std::make_unique<replay::ShardDriver>(
             job.ShardSettingsOf(role.index), loop, endpoint.listen, clock,
             [&log](const std::string& line) { log.Warning("{}", line); }, endpoint.announced_host,
             job.store.FolderOf(role.index)));
  } catch (const StorageError& error) {
    Host(rank, runtime, std::make_unique<UnstartedRole>(role, error.what()));
  }
}

void MakeRole(const Job& job, RoleAddress role, EventLoop& loop, const Clock& clock, const Log& log,
              RankRoles& rank, RankRuntime& runtime) {
  const bool needs_compute = role.kind == RoleKind::kLearner || role.kind == RoleKind::kStudentHost;
  if (needs_compute && !rank.compute) {
    rank.compute.emplace(learner::ComputeModule::Load());
    log.Info("{}: {}", role.ToString(), rank.compute->Factory().Describe());
  }
  switch (role.kind) {
    case RoleKind::kCoordinator:
      return;  // made by the caller, who owns the recorder
    case RoleKind::kLearner:
      return Host(rank, runtime,
                  learner::MakeLearnerDriver(
                      job.LearnerSettings(),
                      rank.compute->Factory().MakeTeacher(job.config, job.environment, job.Rows(),
                                                          !job.config.students.empty()),
                      loop));
    case RoleKind::kStudentHost: {
      const auto served = job.StudentsOf(role.index);
      return Host(
          rank, runtime,
          learner::MakeStudentDriver(
              job.StudentSettingsOf(role.index),
              rank.compute->Factory().MakeStudents(job.config, job.environment, served), loop));
    }
    case RoleKind::kShard:
      return MakeShard(job, role, loop, clock, log, rank, runtime);
    case RoleKind::kActorHost: {
      if (!rank.launcher) rank.launcher = std::make_unique<actors::WorkerLauncher>();
      const auto workers = static_cast<std::uint32_t>(job.layout.workers_of_actor_host[role.index]);
      return Host(rank, runtime,
                  std::make_unique<actors::ActorHost>(role.index, FirstWorkerOf(job, role.index),
                                                      workers, *rank.launcher));
    }
  }
}

void ActOn(int signal, Coordinator& coordinator) {
  if (signal == SIGUSR2) return coordinator.RequestCheckpoint();
  const char* name = signal == SIGUSR1 ? "SIGUSR1" : signal == SIGTERM ? "SIGTERM" : "SIGINT";
  coordinator.Preempt(fmt::format("stopped by {}", name));
}

/// mpirun passes signals on to every rank; the coordinator's rank acts on them for all.
void HandleSignals(EventLoop& loop, RankRoles& rank) {
  loop.OnSignals({SIGINT, SIGTERM, SIGUSR1, SIGUSR2}, [&rank, interrupts = 0](int signal) mutable {
    if (signal == SIGINT && ++interrupts > 1) std::_Exit(kFailed);
    if (rank.coordinator) ActOn(signal, *rank.coordinator);
  });
}

/// Until the event loop handles them: one that comes while we start is neither lost nor deadly.
sigset_t BlockSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

int RunRank(const TrainOptions& options, const Job& job, comm::MpiSession* session,
            RunDirectory* directory, const std::vector<std::string>& notes) {
  const int rank = session != nullptr ? session->Rank() : 0;
  const Log log = MakeLog(options, fmt::format("rank {}", rank));
  const SteadyClock clock;
  EventLoop loop;
  std::optional<comm::Communicator> communicator;
  if (session != nullptr) communicator.emplace();
  RankRoles mine;
  RankRuntime runtime(job.layout, rank, communicator ? &*communicator : nullptr, loop, clock, log);
  if (directory != nullptr) {
    mine.recorder =
        std::make_unique<FileRecorder>(*directory, log, job.model_names, job.networks, HostName(),
                                       static_cast<std::size_t>(job.config.checkpoint.keep));
    for (const auto& note : notes) mine.recorder->OnNote(note);
    mine.coordinator = std::make_unique<Coordinator>(
        job.CoordinatorSettings(MeasureLatencies(job), UnixSeconds()), *mine.recorder);
    runtime.Add(*mine.coordinator, [&mine] { return mine.coordinator->Finished(); });
  }
  for (const auto& role : job.layout.ranks[static_cast<std::size_t>(rank)]) {
    MakeRole(job, role, loop, clock, log, mine, runtime);
  }
  HandleSignals(loop, mine);
  runtime.Run([&mine] { return mine.coordinator && mine.coordinator->Finished(); });
  if (!mine.coordinator) return kDone;
  const auto& outcome = mine.coordinator->Result();
  const int status = Conclude(outcome, mine.coordinator->Scores(), *directory, log);
  if (!outcome.unanswered.empty() && session != nullptr) {
    log.Warning("{} did not leave: aborting the job", outcome.unanswered.front());
    session->Abort(status);
  }
  return status;
}

int RunDeterministic(const TrainOptions& options, const Job& job, RunDirectory& directory,
                     const std::vector<std::string>& notes, const sigset_t& signals) {
  const Log log = MakeLog(options, "deterministic");
  const auto module = learner::ComputeModule::Load();
  FileRecorder recorder(directory, log, job.model_names, job.networks, "",
                        static_cast<std::size_t>(job.config.checkpoint.keep), /*in_line=*/true);
  for (const auto& note : notes) recorder.OnNote(note);
  InProcessCluster cluster(job, module.Factory(), recorder);
  const auto outcome = cluster.Run([&signals](Coordinator& coordinator) {
    const timespec no_wait{};
    if (const int signal = sigtimedwait(&signals, nullptr, &no_wait); signal > 0) {
      ActOn(signal, coordinator);
    }
  });
  return Conclude(outcome, cluster.Scores(), directory, log);
}

}  // namespace

int RunTrain(const TrainOptions& options, int argc, char** argv) {
  const sigset_t signals = BlockSignals();
  std::optional<comm::MpiSession> session;
  if (comm::MpiSession::LaunchedByMpi()) session.emplace(&argc, &argv);
  const std::vector<HostFacts> hosts = GatherHosts(session ? &*session : nullptr);
  const std::vector<std::string> roles = GatherRoles(options.role, session ? &*session : nullptr);
  RunFiles files;
  const Setup setup = Prepare(options, hosts, roles, session ? &*session : nullptr, files);
  if (!setup.error.empty()) {
    if (!session || session->Rank() == 0) std::fprintf(stderr, "%s\n", setup.error.c_str());
    return setup.status;
  }
  if (setup.over) return kDone;
  RunDirectory* const directory = files.directory ? &*files.directory : nullptr;
  if (options.token_was_argument) files.notes.emplace_back(kTokenWasArgument);
  try {
    Job job = MakeJob(LoadConfigText(setup.config_yaml, "resolved configuration"), hosts,
                      setup.token, roles);
    job.attempt = setup.attempt;
    job.resuming = setup.resuming;
    job.store = setup.store;
    job.resume = std::move(files.resume);
    if (job.config.run.deterministic) {
      return RunDeterministic(options, job, *directory, files.notes, signals);
    }
    return RunRank(options, job, session ? &*session : nullptr, directory, files.notes);
  } catch (const std::exception& error) {
    if (directory != nullptr) directory->WriteStatus(RunState::kFailed, error.what(), kFailed);
    throw;
  }
}

}  // namespace stillhouse::cli
