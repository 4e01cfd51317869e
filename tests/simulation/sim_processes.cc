#include "tests/simulation/sim_processes.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/error.h"

namespace stillhouse::simulation {
namespace {
using namespace std::chrono_literals;
// As the worker's driver has them (actors/actor_driver.cc, common/net/tcp_transport.h).
constexpr Time kSlice = 500us;
constexpr Time kIdleSleep = 2ms;
constexpr Time kFirstRetry = 50ms;
constexpr Time kLongestRetry = 2s;
constexpr Time kSettle = 1s;
// What work costs.
constexpr Time kCostOfFrame = 150us;
constexpr Time kCostOfEvaluationSlice = 100us;
constexpr int kKilled = 128 + 9;
// As actor hosts have them (actors/actor_host.cc), and ticks.
constexpr Time kFirstBackOff = 200ms;
constexpr Time kLongestBackOff = 5s;
constexpr Time kNotice = 50ms;
constexpr std::string_view kHost = "simulated:";
}  // namespace

std::string AddressOf(std::size_t shard) { return fmt::format("{}{}", kHost, shard); }

std::size_t ShardAt(const std::string& address) {
  SH_CHECK(address.starts_with(kHost), "address {}", address);
  return std::stoul(address.substr(kHost.size()));
}

/// One worker process: what its driver does.
class SimProcesses::Process final : public actors::ShardLinks {
 public:
  Process(SimProcesses& owner, Launcher& launcher, std::int64_t pid,
          const actors::WorkerLaunch& launch, std::uint64_t incarnation)
      : owner_(&owner),
        world_(owner.world_),
        launcher_(&launcher),
        pid_(pid),
        born_(owner.world_.Now()),
        index_(launch.index),
        addresses_(launch.addresses),
        incarnation_(incarnation),
        actor_(OptionsOf(launch, incarnation)),
        wires_(launch.addresses.size(), 0),
        retry_(launch.addresses.size(), kFirstRetry) {}

  void Begin() {
    for (std::uint32_t slot = 0; slot < addresses_.size(); ++slot) {
      Plan(world_.Latency(), [slot](Process& p) { p.Connect(slot); });
    }
    Plan(kIdleSleep, [](Process& p) { p.Work(); });
  }
  void OnFrame(std::uint32_t slot, FrameKind kind, std::span<const std::uint8_t> body) {
    if (kind == FrameKind::kRefused) {
      world_.Violation("a shard refused a worker of its own job");
      return owner_->End(pid_, 1);
    }
    try {
      actor_.OnFrame(slot, kind, body, Now(), *this);
    } catch (const CommError& error) {
      if (!owner_->door_.MayForget(incarnation_)) {
        world_.Violation(fmt::format("worker {}: shard {}: {}", pid_, slot, error.what()));
      }
      owner_->End(pid_, 1);
    } catch (const Error& error) {
      world_.Violation(fmt::format("worker {}: shard {}: {}", pid_, slot, error.what()));
      owner_->End(pid_, 1);
    }
  }
  /// The job that it worked for is gone; it looks for the next one where that was.
  void MoveTo(SimProcesses& owner, Launcher& launcher, std::int64_t pid) {
    owner_ = &owner;
    launcher_ = &launcher;
    pid_ = pid;
    for (std::uint32_t slot = 0; slot < addresses_.size(); ++slot) {
      if (std::exchange(wires_[slot], 0) != 0) actor_.OnDisconnect(slot);
    }
    Begin();
  }
  void OnLost(std::uint32_t slot) {
    wires_[slot] = 0;
    actor_.OnDisconnect(slot);
    Retry(slot);
  }
  void LeapClock(Time by) { ahead_ += by; }
  void Terminate() {
    if (leaving_since_) return;
    leaving_since_ = Now();
    actor_.Leave();
  }
  std::uint32_t Index() const { return index_; }
  const std::vector<std::uint64_t>& WireNumbers() const { return wires_; }
  Launcher& StartedBy() const { return *launcher_; }

 private:
  /// By its own clock, which counts from its own beginning.
  Time Now() const { return world_.Now() - born_ + ahead_; }
  static actors::ActorOptions OptionsOf(const actors::WorkerLaunch& launch,
                                        std::uint64_t incarnation) {
    actors::ActorOptions options;
    options.incarnation = incarnation;
    options.index = launch.index;
    options.slots = static_cast<std::uint32_t>(launch.addresses.size());
    options.token = launch.token;
    return options;
  }
  /// Nothing happens when the process is gone by then.
  template <typename Action>
  void Plan(Time delay, Action action) {
    world_.events.After(delay, [owner = owner_, pid = pid_, action] {
      const auto found = owner->processes_.find(pid);
      if (found != owner->processes_.end()) action(*found->second);
    });
  }
  void Connect(std::uint32_t slot) {
    const std::size_t shard = ShardAt(addresses_[slot]);
    const std::uint64_t wire = owner_->wires_.Open(static_cast<std::uint64_t>(pid_), shard);
    if (!owner_->door_.OnWorkerConnect(wire, shard)) {
      owner_->wires_.Close(wire, Side::kWorker);
      owner_->wires_.Close(wire, Side::kShard);
      return Retry(slot);
    }
    retry_[slot] = kFirstRetry;
    wires_[slot] = wire;
    owner_->of_wire_[wire] = {pid_, slot};
    owner_->incarnations_[wire] = incarnation_;
    ByteWriter hello;
    actor_.MakeHello(slot).Encode(hello);
    Send(slot, FrameKind::kHello, hello.Take());
  }
  void Retry(std::uint32_t slot) {
    Plan(retry_[slot], [slot](Process& p) { p.Connect(slot); });
    retry_[slot] = std::min(retry_[slot] * 2, kLongestRetry);
  }
  void Send(std::uint32_t slot, FrameKind kind, std::vector<std::uint8_t> body) override {
    if (kind == FrameKind::kChunk) owner_->door_.OnChunkSent(ShardAt(addresses_[slot]), body);
    if (wires_[slot] == 0) return;
    owner_->wires_.Send(wires_[slot], Side::kWorker, kind, body);
    // Whoever is not sure that something has arrived may send it once more.
    const bool acknowledged = kind == FrameKind::kChunk || kind == FrameKind::kEvaluationResult;
    if (acknowledged && world_.Chance(world_.faults.duplicate_frame)) {
      owner_->wires_.Send(wires_[slot], Side::kWorker, kind, body);
    }
  }
  void Work() {
    if (actor_.Finished()) return owner_->End(pid_, 0);
    const bool settled = leaving_since_ && (actor_.Settled() || Now() - *leaving_since_ > kSettle);
    if (settled) {
      for (std::uint32_t slot = 0; slot < addresses_.size(); ++slot) {
        Send(slot, FrameKind::kGoodbye, {});
      }
      return owner_->End(pid_, 0);
    }
    Time used{};
    bool more = true;
    while (more && used < kSlice) {
      const std::uint64_t before = actor_.Frames();
      more = actor_.Advance(Now() + used, *this);
      const auto frames = static_cast<std::int64_t>(actor_.Frames() - before);
      used += frames > 0 ? kCostOfFrame * frames : kCostOfEvaluationSlice;
    }
    Plan(more ? used : used + kIdleSleep, [](Process& p) { p.Work(); });
  }

  SimProcesses* owner_;
  World& world_;
  Launcher* launcher_;
  std::int64_t pid_;
  const Time born_;
  Time ahead_{};
  const std::uint32_t index_;  ///< among the workers of the job
  const std::vector<std::string> addresses_;
  const std::uint64_t incarnation_;
  actors::Actor actor_;
  std::vector<std::uint64_t> wires_;  ///< [slots] 0: not connected
  std::vector<Time> retry_;
  std::optional<Time> leaving_since_;
};

SimProcesses::SimProcesses(World& world, Wires& wires, ShardDoor& door)
    : world_(world), wires_(wires), door_(door) {}
SimProcesses::~SimProcesses() = default;

std::int64_t SimProcesses::Launcher::Start(const actors::WorkerLaunch& launch) {
  SimProcesses& all = processes_;
  const std::int64_t pid = all.next_pid_++;
  const std::uint64_t incarnation = all.world_.rng();
  all.world_.Note(fmt::format("worker {} starts as process {}, incarnation {:016x}", launch.index,
                              pid, incarnation));
  auto process = std::make_shared<Process>(all, *this, pid, launch, incarnation);
  process->Begin();
  all.processes_.emplace(pid, std::move(process));
  ++all.started_;
  Death& death = all.deaths_[launch.index];
  if (std::exchange(death.missing, false)) --all.missing_;
  return pid;
}

std::int64_t SimProcesses::Join(std::uint32_t index, std::size_t shards, const std::string& token) {
  actors::WorkerLaunch launch{index, {}, token};
  for (std::size_t shard = 0; shard < shards; ++shard) launch.addresses.push_back(AddressOf(shard));
  return guests_.Start(launch);
}

SimProcesses::Guests SimProcesses::TakeGuests() {
  Guests guests;
  for (auto& [pid, process] : processes_) {
    if (&process->StartedBy() == &guests_) guests.push_back(process);
  }
  return guests;
}

void SimProcesses::Adopt(Guests guests) {
  for (auto& guest : guests) {
    const std::int64_t pid = next_pid_++;
    world_.Note(fmt::format("a guest of the job before is process {}", pid));
    guest->MoveTo(*this, guests_, pid);
    processes_.emplace(pid, std::move(guest));
  }
}

std::size_t SimProcesses::Alive() const {
  return static_cast<std::size_t>(std::count_if(
      processes_.begin(), processes_.end(),
      [this](const auto& process) { return &process.second->StartedBy() != &guests_; }));
}

std::vector<actors::ProcessLauncher::Exit> SimProcesses::Launcher::Poll() {
  return std::exchange(exits_, {});
}

void SimProcesses::Launcher::Stop(std::int64_t pid, bool at_once) {
  const auto found = processes_.processes_.find(pid);
  if (found == processes_.processes_.end()) return;
  if (at_once) return processes_.Kill(pid);
  found->second->Terminate();
}

SimProcesses::Process* SimProcesses::OfWire(std::uint64_t wire) {
  const auto found = of_wire_.find(wire);
  if (found == of_wire_.end()) return nullptr;
  const auto process = processes_.find(found->second.first);
  return process == processes_.end() ? nullptr : process->second.get();
}

void SimProcesses::OnFrame(std::uint64_t wire, FrameKind kind, std::span<const std::uint8_t> body) {
  Process* const process = OfWire(wire);
  if (process != nullptr) process->OnFrame(of_wire_.at(wire).second, kind, body);
}

void SimProcesses::OnLost(std::uint64_t wire) {
  Process* const process = OfWire(wire);
  const std::uint32_t slot = process == nullptr ? 0 : of_wire_.at(wire).second;
  of_wire_.erase(wire);
  if (process != nullptr) process->OnLost(slot);
}

std::uint64_t SimProcesses::IncarnationOf(std::uint64_t wire) const {
  const auto found = incarnations_.find(wire);
  return found == incarnations_.end() ? 0 : found->second;
}

// The process is destroyed in an event of its own: it may be what calls us.
void SimProcesses::End(std::int64_t pid, int status) {
  auto node = processes_.extract(pid);
  if (node.empty()) return;
  world_.Note(fmt::format("process {} ends with status {}", pid, status));
  for (const auto wire : node.mapped()->WireNumbers()) {
    if (wire == 0) continue;
    of_wire_.erase(wire);
    if (status == kKilled) {
      wires_.Die(wire, Side::kWorker, Fault::kWorkerKilled);
    } else {
      wires_.Close(wire, Side::kWorker);
    }
  }
  node.mapped()->StartedBy().exits_.push_back({pid, status});
  if (status == kKilled && &node.mapped()->StartedBy() != &guests_) {
    Death& death = deaths_[node.mapped()->Index()];
    death = {world_.Now(), death.count + 1, true, &node.mapped()->StartedBy()};
    ++missing_;
  }
  std::shared_ptr<Process> dead = std::move(node.mapped());
  world_.events.After({}, [dead] {});
}

void SimProcesses::WatchSupervision(bool excused) {
  if (missing_ == 0) return;
  for (auto& [index, death] : deaths_) {
    if (!death.missing) continue;
    if (excused) death.since = world_.Now();
    const Time back_off =
        std::min(kFirstBackOff * (1 << std::min(death.count - 1, 5)), kLongestBackOff);
    if (world_.Now() - death.since <= back_off + kNotice) continue;
    world_.Violation(fmt::format("worker {} was killed {:.3f} s ago and is not started again",
                                 index, Seconds(world_.Now() - death.since)));
    death.since = world_.Now();
  }
}

void SimProcesses::Kill(std::int64_t pid) {
  world_.Note(fmt::format("kill -9 of process {}", pid));
  End(pid, kKilled);
}

std::int64_t SimProcesses::AnyPid() {
  auto found = processes_.begin();
  std::advance(found, static_cast<std::ptrdiff_t>(world_.rng.Below(processes_.size())));
  return found->first;
}

bool SimProcesses::KillOne() {
  if (processes_.empty()) return false;
  Kill(AnyPid());
  return true;
}

void SimProcesses::KillAllOf(const Launcher& launcher) {
  std::vector<std::int64_t> pids;
  for (const auto& [pid, process] : processes_) {
    if (&process->StartedBy() == &launcher) pids.push_back(pid);
  }
  for (const auto pid : pids) Kill(pid);
  // Nobody is left to start them again.
  for (auto& [index, death] : deaths_) {
    if (death.by == &launcher && std::exchange(death.missing, false)) --missing_;
  }
}

void SimProcesses::LeapClock(Time by) {
  if (processes_.empty()) return;
  const std::int64_t pid = AnyPid();
  world_.Note(fmt::format("the clock of process {} leaps ahead by {:.3f} s", pid, Seconds(by)));
  processes_.at(pid)->LeapClock(by);
}

}  // namespace stillhouse::simulation
