#include "cli/rank_control.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <random>
#include <thread>

#include <unistd.h>

#include "common/base/listen_spec.h"
#include "common/run/run_directory.h"

namespace stillhouse::cli {
namespace {
using namespace std::chrono_literals;

constexpr Time kLookEvery = 25ms;
constexpr Time kGoodbyeLimit = 5s;
constexpr Time kIntroductionLimit = 5s;
constexpr std::chrono::minutes kSetupLimit{10};
constexpr std::chrono::milliseconds kLookAtRanks{100};
constexpr std::chrono::seconds kStartLimit{10};  ///< of a launcher, to start the ranks of a host
/// A run directory that rank 0 alone can see has nobody else to write into it.
constexpr int kMostWitnesses = 8;

std::string NewSecret() {
  std::random_device device;
  std::string secret;
  for (int i = 0; i < 4; ++i) secret += fmt::format("{:08x}", device());
  return secret;
}

std::string ListenOn(const Job& job, const std::vector<HostFacts>& hosts) {
  const auto spec = ListenSpec::Parse(job.config.actors.listen);
  SH_CHECK(spec, "actors.listen: {} was not checked", job.config.actors.listen);
  const bool alone = std::all_of(hosts.begin(), hosts.end(),
                                 [&](const auto& host) { return host.name == hosts[0].name; });
  const auto address = ChooseListenAddress(spec->where, hosts.at(0), alone, AddressesOfName);
  return HostPort{address.bind_host, 0}.ToString() + " " + address.announced_host;
}

}  // namespace

RankControl::RankControl(const comm::MpiSession& session, const Job& job,
                         const std::vector<HostFacts>& hosts, EventLoop& loop, const Clock& clock,
                         const Log& log)
    : job_(job), hosts_(hosts), loop_(loop), clock_(clock) {
  const NetLog warn = [&log](const std::string& line) { log.Debug("control plane: {}", line); };
  const auto ranks = static_cast<std::uint32_t>(session.Size());
  ByteWriter offer;
  if (session.Rank() == 0) {
    const std::string secret = NewSecret();
    std::string address;
    std::string error;
    try {
      const std::string where = ListenOn(job, hosts);
      const auto blank = where.find(' ');
      hub_.emplace(loop, clock, ranks, where.substr(0, blank), secret, warn);
      const std::string announced = where.substr(blank + 1);
      const HostPort bound = HostPort::Parse(hub_->Address());
      address = HostPort{announced.empty() ? bound.host : announced, bound.port}.ToString();
    } catch (const ConfigError& failed) {
      error = failed.what();
    }
    offer.PutString(error);
    offer.PutString(address);
    offer.PutString(secret);
  }
  const auto bytes = session.FromRankZero(offer.Take());
  ByteReader in(bytes, "control plane");
  const std::string error = in.GetString();
  if (!error.empty()) throw ConfigError("control plane: " + error);
  const std::string address = in.GetString();
  const std::string secret = in.GetString();
  if (hub_) return;
  spoke_.emplace(loop, clock, static_cast<std::uint32_t>(session.Rank()), address, secret, warn);
  // Before this rank begins what may take long, and die of it: reading a stored log back, Torch.
  const Time deadline = clock.Now() + kIntroductionLimit;
  while (!spoke_->Introduced() && clock.Now() < deadline) loop.RunOnce(2ms);
}

std::vector<RankDown> RankControl::TakeDeaths() {
  const Time now = clock_.Now();
  if (!hub_ || now - last_look_ < kLookEvery) return {};
  last_look_ = now;
  std::vector<RankDown> downs;
  for (auto& death : hub_->TakeDeaths()) {
    downs.push_back({death.rank, hosts_.at(death.rank).name, std::move(death.reason),
                     job_.layout.ranks.at(death.rank)});
  }
  return downs;
}

void RankControl::GiveUp(std::uint32_t rank, const std::string& reason) {
  if (hub_) hub_->GiveUp(rank, reason);
}

std::optional<std::string> RankControl::Orphaned() {
  return spoke_ ? spoke_->Orphaned() : std::nullopt;
}

std::optional<Parting> RankControl::Dismissed() const {
  return spoke_ ? spoke_->Dismissed() : std::nullopt;
}

void RankControl::SayGoodbye(Parting parting) {
  if (!hub_) return;
  hub_->SayGoodbye(parting);
  const Time deadline = clock_.Now() + kGoodbyeLimit;
  while (hub_->Connected() > 0 && clock_.Now() < deadline) loop_.RunOnce(2ms);
}

struct SetupLimit::State {
  std::mutex mutex;
  std::condition_variable over_changed;
  bool over = false;  // guarded by mutex
  std::thread thread;
};

namespace {

/// The ranks of this host, as their launcher has them: for Open MPI alone.
class RanksOfThisHost {
 public:
  RanksOfThisHost() {
    const char* const text = std::getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const auto programs = {"mpirun", "mpiexec", "orterun", "orted", "prted"};
    std::string launcher;
    std::getline(std::ifstream(fmt::format("/proc/{}/comm", getppid())), launcher);
    const bool known = std::find(programs.begin(), programs.end(), launcher) != programs.end();
    if (text != nullptr && known) started_ = std::atoi(text);
  }
  /// False also while the launcher has not started all of them.
  bool AllLive() const {
    if (started_ < 2) return true;
    std::ifstream file(fmt::format("/proc/{0}/task/{0}/children", getppid()));
    if (!file) return true;  // a kernel that does not tell
    int count = 0;
    for (int pid = 0; file >> pid;) ++count;
    return count >= started_;
  }

 private:
  int started_ = 0;
};

[[noreturn]] void GiveUpSetup(const std::string& why) {
  std::fprintf(stderr, "FATAL %s\n", why.c_str());
  std::fflush(nullptr);
  TellStatus(1);
  _exit(1);
}

}  // namespace

SetupLimit::SetupLimit() : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get()] {
    const auto start = std::chrono::steady_clock::now();
    const auto deadline = start + kSetupLimit;
    // Where the launcher lets survivors live, MPI waits for the dead for ever.
    const RanksOfThisHost ranks;
    bool complete = false;
    std::unique_lock lock(state->mutex);
    while (!state->over_changed.wait_for(lock, kLookAtRanks, [state] { return state->over; })) {
      const bool all = ranks.AllLive();
      complete = complete || all;
      if (!all && (complete || std::chrono::steady_clock::now() - start > kStartLimit)) {
        GiveUpSetup("a rank on this host has died before the job had begun");
      }
      if (std::chrono::steady_clock::now() < deadline) continue;
      GiveUpSetup(fmt::format("the ranks have not agreed on the job after {} minutes",
                              kSetupLimit.count()));
    }
  });
}

SetupLimit::~SetupLimit() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->over = true;
  }
  state_->over_changed.notify_all();
  state_->thread.join();
}

void TellOfRankZero(const std::filesystem::path& run_directory, std::uint32_t attempt, int rank,
                    const std::string& reason) {
  if (rank > kMostWitnesses) return;
  std::this_thread::sleep_for((rank - 1) * 100ms);
  const auto status = ReadRunStatus(run_directory);
  if (!status || status->attempt != attempt) return;
  if (status->status != RunStateName(RunState::kRunning)) return;
  WriteRunStatus(run_directory, attempt, RunState::kFailed,
                 reason + "; the run can be resumed from its last checkpoint", 1);
}

void TellStatus(int status) {
  const char* path = std::getenv("STILLHOUSE_STATUS_FILE");
  if (path == nullptr || *path == '\0') return;
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID"}) {
    const char* rank = std::getenv(name);
    if (rank == nullptr) continue;
    if (std::string(rank) != "0") return;
    break;
  }
  std::ofstream(path) << status << "\n";
}

}  // namespace stillhouse::cli
