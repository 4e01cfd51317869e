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
#include "cli/rank_control.h"
#include "cli/rank_runtime.h"
#include "cli/seams.h"
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
    rank.compute->Factory().BeginWith(job.initial);
    log.Info("{}: {}", role.ToString(), rank.compute->Factory().Describe());
  }
  switch (role.kind) {
    case RoleKind::kCoordinator:
      return;  // made by the caller, who owns the recorder
    case RoleKind::kLearner:
      if (role.index > 0) {
        return Host(rank, runtime,
                    learner::MakeFollowerDriver(
                        job.FollowerSettings(role.index),
                        rank.compute->Factory().MakeTeacher(job.config, job.environment, job.Rows(),
                                                            /*want_labels=*/false),
                        loop));
      }
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
      return Host(
          rank, runtime,
          std::make_unique<actors::ActorHost>(job.ActorHostSettingsOf(role.index), *rank.launcher));
    }
  }
}

const char* SignalName(int signal) {
  return signal == SIGUSR1 ? "SIGUSR1" : signal == SIGTERM ? "SIGTERM" : "SIGINT";
}

void ActOn(int signal, Coordinator& coordinator) {
  if (signal == SIGUSR2) return coordinator.RequestCheckpoint();
  coordinator.Preempt(fmt::format("stopped by {}", SignalName(signal)));
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

/// How a rank ends.
struct RankEnd {
  int status = kDone;
  Parting parting = Parting::kInOrder;
};

/// Rank 0, each turn: who has died since the last one.
void LookForDeaths(RankControl& control, RankRuntime& runtime, const RunDirectory& directory,
                   Coordinator& coordinator, const Log& log) {
  for (const auto rank : coordinator.TakeHopeless()) {
    control.GiveUp(rank, "it has said nothing for too long");
  }
  for (const auto& down : control.TakeDeaths()) {
    log.Error("{} died: {}", down.Who(), down.reason);
    if (!comm::MpiSession::SurvivorsLive()) {
      // The launcher ends us all within a second: this may be the last word.
      directory.WriteStatus(RunState::kFailed,
                            fmt::format("{} died: {}; the run can be resumed from its last "
                                        "checkpoint",
                                        down.Who(), down.reason),
                            kFailed);
    }
    runtime.OnRankDown(down);
  }
}

/// A stopped process may go on; one that says nothing for so long is given up.
Time PatienceOf(const Job& job) {
  return Coordinator::kPatience * FromSeconds(job.config.monitor.stall_after.value);
}

/// A rank other than 0: its roles play until they have left and rank 0 lets them go.
RankEnd FollowRankZero(const Setup& setup, int rank, Time patience, RankRuntime& runtime,
                       RankControl& control, const Log& log) {
  std::optional<std::string> orphaned;
  runtime.Run(
      [&] {
        orphaned = control.Orphaned();
        if (!orphaned && runtime.RankZeroSilence() > patience) {
          orphaned = fmt::format("rank 0 has said nothing for {:.0f} s", Seconds(patience));
        }
        if (orphaned) runtime.Bury(0);
        return orphaned.has_value();
      },
      [&] { return control.Dismissed().has_value(); });
  if (!orphaned) return {kDone, *control.Dismissed()};
  log.Error("{}", *orphaned);
  if (!control.GivenUp()) TellOfRankZero(setup.run_directory, setup.attempt, rank, *orphaned);
  return {kFailed, Parting::kAtOnce};
}

/// What every rank has to have before it plays.
struct RankFrame {
  const TrainOptions& options;
  const Setup& setup;
  const Job& job;
  const std::vector<HostFacts>& hosts;
  comm::MpiSession* session;
};

RankEnd RunRank(const RankFrame& frame, RunDirectory* directory,
                const std::vector<std::string>& notes, std::unique_ptr<SetupLimit> setup_limit) {
  const auto& [options, setup, job, hosts, session] = frame;
  const int rank = session != nullptr ? session->Rank() : 0;
  const Log log = MakeLog(options, fmt::format("rank {}", rank));
  const SteadyClock clock;
  EventLoop loop;
  std::optional<comm::Communicator> communicator;
  if (session != nullptr) communicator.emplace();
  std::optional<RankControl> control;
  if (session != nullptr) {
    control.emplace(*session, job, hosts, loop, clock, log);
    session->Watched();
  }
  setup_limit.reset();
  RankRoles mine;
  RankRuntime runtime(job.layout, rank, communicator ? &*communicator : nullptr, loop, clock, log);
  if (directory != nullptr) {
    mine.recorder =
        std::make_unique<FileRecorder>(*directory, log, job.model_names, job.networks, HostName(),
                                       static_cast<std::size_t>(job.config.checkpoint.keep));
    for (const auto& note : notes) mine.recorder->OnNote(note);
    auto settings = job.CoordinatorSettings(MeasureLatencies(job), UnixSeconds());
    settings.survivors_live = comm::MpiSession::SurvivorsLive();
    mine.coordinator = std::make_unique<Coordinator>(std::move(settings), *mine.recorder);
    runtime.Add(*mine.coordinator, [&mine] { return mine.coordinator->Finished(); });
  }
  for (const auto& role : job.layout.ranks[static_cast<std::size_t>(rank)]) {
    MakeRole(job, role, loop, clock, log, mine, runtime);
  }
  HandleSignals(loop, mine);
  if (!mine.coordinator)
    return FollowRankZero(setup, rank, PatienceOf(job), runtime, *control, log);
  runtime.Run(
      [&] {
        if (control) LookForDeaths(*control, runtime, *directory, *mine.coordinator, log);
        return mine.coordinator->Finished();
      },
      [] { return true; });
  const auto& outcome = mine.coordinator->Result();
  const int status = Conclude(outcome, mine.coordinator->Scores(), *directory, log);
  if (!outcome.unanswered.empty() && session != nullptr) {
    log.Warning("{} did not leave: aborting the job", outcome.unanswered.front());
    TellStatus(status);
    session->Abort(status);
  }
  const Parting parting = runtime.Degraded() ? Parting::kAtOnce : Parting::kInOrder;
  if (control) control->SayGoodbye(parting);
  if (control && control->HasStrays()) {
    TellStatus(status);
    session->Abort(status);
  }
  return {status, parting};
}

int RunDeterministic(const TrainOptions& options, Job job, RunDirectory& directory,
                     const std::vector<std::string>& notes, const sigset_t& signals) {
  const Log log = MakeLog(options, "deterministic");
  const auto module = learner::ComputeModule::Load();
  FileRecorder recorder(directory, log, job.model_names, job.networks, "",
                        static_cast<std::size_t>(job.config.checkpoint.keep), /*in_line=*/true);
  for (const auto& note : notes) recorder.OnNote(note);
  if (const auto why = WhyNotTheSame(job); !why.empty()) recorder.OnNote(why);
  const bool seams = HasSeams(job.config);
  if (seams) TakeKeptTails(directory.Path(), job);
  int stopped_by = 0;
  const auto go_on = [&](Coordinator& coordinator) {
    const timespec no_wait{};
    const int signal = sigtimedwait(&signals, nullptr, &no_wait);
    if (signal <= 0) return true;
    if (!seams) {
      ActOn(signal, coordinator);
    } else if (signal == SIGUSR2) {
      recorder.OnNote("SIGUSR2: a deterministic run takes its checkpoints when they are due");
    } else {
      stopped_by = signal;
    }
    return stopped_by == 0;
  };
  while (true) {
    // What happens is the same as at a resume: everything is gone before anything is made.
    std::optional<InProcessCluster> cluster(std::in_place, job, module.Factory(), recorder);
    const auto outcome = cluster->Run(go_on);
    if (!outcome)
      return Conclude(LeaveOnSeam(SignalName(stopped_by), job, recorder), {}, directory, log);
    if (!outcome->seam) return Conclude(*outcome, cluster->Scores(), directory, log);
    cluster.reset();
    job = JobAtSeam(directory.Path(), std::move(job));
  }
}

}  // namespace

int RunTrain(const TrainOptions& options, int argc, char** argv) {
  const sigset_t signals = BlockSignals();
  std::optional<comm::MpiSession> session;
  auto setup_limit = std::make_unique<SetupLimit>();  // MPI_Init waits for the dead, too
  if (comm::MpiSession::LaunchedByMpi()) session.emplace(&argc, &argv);
  const std::vector<HostFacts> hosts = GatherHosts(session ? &*session : nullptr);
  const std::vector<std::string> roles = GatherRoles(options.role, session ? &*session : nullptr);
  RunFiles files;
  const Setup setup = Prepare(options, hosts, roles, session ? &*session : nullptr, files);
  if (!setup.error.empty()) {
    // One word is enough for a launcher; ranks of other hosts that end with an error of their own
    // keep an mpirun that lets survivors live waiting.
    if (session && session->Rank() != 0) return kDone;
    std::fprintf(stderr, "%s\n", setup.error.c_str());
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
    job.initial = setup.initial;
    job.resume = std::move(files.resume);
    if (job.config.run.deterministic) {
      setup_limit.reset();
      return RunDeterministic(options, std::move(job), *directory, files.notes, signals);
    }
    const RankEnd end = RunRank({options, setup, job, hosts, session ? &*session : nullptr},
                                directory, files.notes, std::move(setup_limit));
    if (end.parting == Parting::kInOrder) return end.status;
    TellStatus(end.status);
    comm::MpiSession::LeaveAtOnce(end.status);
  } catch (const std::exception& error) {
    if (directory != nullptr) directory->WriteStatus(RunState::kFailed, error.what(), kFailed);
    throw;
  }
}

}  // namespace stillhouse::cli
