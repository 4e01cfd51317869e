#include "actors/actor_host.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/config/worker_shards.h"

namespace stillhouse::actors {

namespace {

constexpr Time kFirstBackOff = std::chrono::milliseconds(200);
constexpr Time kLongestBackOff = std::chrono::seconds(5);
/// A worker that lived this long starts its back-off anew.
constexpr Time kLongLife = std::chrono::seconds(30);
constexpr Time kOwnAbsence = std::chrono::seconds(1);
constexpr Time kReportEvery = std::chrono::seconds(1);
/// After Leave: what does not end on SIGTERM by then is killed.
constexpr Time kGrace = std::chrono::seconds(2);

}  // namespace

ActorHost::ActorHost(const ActorHostSettings& settings, ProcessLauncher& launcher)
    : settings_(settings), launcher_(launcher), workers_(settings.workers) {
  for (std::uint32_t i = 0; i < settings.workers; ++i) {
    workers_[i].index = settings.first_worker + i;
    workers_[i].back_off = kFirstBackOff;
  }
}

ActorHost::~ActorHost() {
  for (const Worker& worker : workers_) {
    if (worker.pid != 0) launcher_.Stop(worker.pid, true);
  }
}

std::uint32_t ActorHost::Alive() const {
  return static_cast<std::uint32_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const Worker& w) { return w.pid != 0; }));
}

void ActorHost::Handle(const Envelope& envelope, Time now, Outbox& out) {
  switch (envelope.kind) {
    case MessageKind::kEndpointTable:
      endpoints_ = DecodeBody<EndpointTable>(envelope);
      if (endpoints_->addresses.empty()) throw WireError("endpoint table without addresses");
      break;
    case MessageKind::kLeave:
      if (leaving_since_) break;
      leaving_since_ = now;
      for (const Worker& worker : workers_) {
        if (worker.pid != 0) launcher_.Stop(worker.pid, false);
      }
      break;
    case MessageKind::kRunStatus:
      dead_shards_ = DecodeBody<RunStatus>(envelope).dead_shards;
      if (!dead_shards_.empty()) EndStranded();
      break;
    default:
      break;  // what goes to everyone
  }
  Tick(now, out);
}

void ActorHost::Tick(Time now, Outbox& out) {
  if (left_) return;
  Collect(now);
  EndHung(now);
  if (leaving_since_) return TickLeaving(now, out);
  if (endpoints_) StartDue(now);
  Report(now, out);
}

void ActorHost::Collect(Time now) {
  for (const auto& exit : launcher_.Poll()) {
    const auto found = std::find_if(workers_.begin(), workers_.end(),
                                    [&](const Worker& worker) { return worker.pid == exit.pid; });
    if (found == workers_.end()) continue;
    Worker& worker = *found;
    worker.pid = 0;
    if (exit.status == 0) {
      worker.done = true;
      continue;
    }
    if (now - worker.started >= kLongLife) worker.back_off = kFirstBackOff;
    worker.start_at = now + worker.back_off;
    worker.back_off = std::min(worker.back_off * 2, kLongestBackOff);
    if (!leaving_since_) ++restarts_;
  }
}

// A worker that waits for its shards, or is held back by the rate limiter, says that it lives all
// the same: only one that is stopped or stuck in a step is silent.
void ActorHost::EndHung(Time now) {
  const Time absence = last_tick_ ? now - *last_tick_ : Time{};
  last_tick_ = now;
  const auto beats = launcher_.TakeBeats();
  if (!beats) return;
  for (Worker& worker : workers_) {
    if (worker.pid == 0) continue;
    if (std::find(beats->begin(), beats->end(), worker.pid) != beats->end()) worker.heard = now;
    // Nobody listened while we were stopped ourselves.
    if (absence > kOwnAbsence) worker.heard += absence;
    if (now - worker.heard <= settings_.hang_limit) continue;
    worker.heard = now;
    ++hangs_;
    launcher_.Stop(worker.pid, true);
  }
}

void ActorHost::StartDue(Time now) {
  for (Worker& worker : workers_) {
    if (worker.pid != 0 || worker.done || now < worker.start_at) continue;
    Place(worker);
    WorkerLaunch launch{worker.index, {}, endpoints_->token};
    for (const auto shard : worker.shards) launch.addresses.push_back(endpoints_->addresses[shard]);
    worker.pid = launcher_.Start(launch);
    worker.started = worker.heard = now;
  }
}

void ActorHost::Place(Worker& worker) const {
  const auto shards = static_cast<std::uint32_t>(endpoints_->addresses.size());
  const auto dead = static_cast<std::uint32_t>(dead_shards_.size());
  if (dead >= shards) return;  // the job is about to end
  const std::uint32_t count =
      ShardsPerWorker(settings_.shards_per_worker, settings_.workers_of_job, shards - dead);
  worker.shards = ShardsOfWorker(worker.index, count, shards, dead_shards_);
}

// Nobody can tell the worker: who would has died.
void ActorHost::EndStranded() {
  for (const Worker& worker : workers_) {
    const bool stranded =
        std::all_of(worker.shards.begin(), worker.shards.end(), [this](std::uint32_t shard) {
          return std::find(dead_shards_.begin(), dead_shards_.end(), shard) != dead_shards_.end();
        });
    if (stranded && worker.pid != 0) launcher_.Stop(worker.pid, true);
  }
}

void ActorHost::Report(Time now, Outbox& out) {
  const std::uint32_t alive = Alive();
  const bool changed = !last_report_ || alive != reported_alive_ || restarts_ != reported_restarts_;
  if (!changed && now - *last_report_ < kReportEvery) return;
  last_report_ = now;
  reported_alive_ = alive;
  reported_restarts_ = restarts_;
  SendTo(out, Address(), kCoordinatorAddress, HostReport{alive, restarts_, hangs_});
}

void ActorHost::TickLeaving(Time now, Outbox& out) {
  if (Alive() > 0) {
    if (killed_ || now - *leaving_since_ < kGrace) return;
    killed_ = true;
    for (const Worker& worker : workers_) {
      if (worker.pid != 0) launcher_.Stop(worker.pid, true);
    }
    return;
  }
  Report(now, out);
  SendTo(out, Address(), kCoordinatorAddress, Left{});
  left_ = true;
}

}  // namespace stillhouse::actors
