// What the coordinator does with what others report.
#include "common/run/coordinator.h"

namespace stillhouse {

void Coordinator::OnShardReport(const ShardReport& report, std::uint16_t shard) {
  if (shard >= settings_.shards) {
    throw WireError(fmt::format("report of shard {}: there are {}", shard, settings_.shards));
  }
  if (dead_.contains({RoleKind::kShard, shard})) return;  // sent before its death
  progress_.On(report, shard);
  evaluation_.OnWorkers(shard, report.home_workers);
  if (counting_ || !KeepsStore()) limiter_.ReportInserted(progress_.Inserted());
}

void Coordinator::OnHostReport(const HostReport& report, std::uint16_t host) {
  if (dead_.contains({RoleKind::kActorHost, host})) return;
  if (report.hangs > progress_.Hangs(host)) {
    recorder_.OnNote(fmt::format(
        "actor host {}: a worker gave no sign of life for {:.0f} s and was killed ({} so far)",
        host, settings_.config.actors.hang_after.value, report.hangs));
  }
  if (report.restarts > progress_.Restarts(host)) {
    recorder_.OnNote(fmt::format("actor host {}: a worker died and was started again ({} so far)",
                                 host, report.restarts));
  }
  progress_.On(report, host);
}

void Coordinator::OnEndpoint(const Endpoint& endpoint, std::uint16_t shard, Outbox& out) {
  auto& known = endpoints_.at(shard);
  if (known.empty()) ++endpoints_known_;
  known = endpoint.address;
  if (endpoints_known_ < endpoints_.size()) return;
  recorder_.OnEndpoints(endpoints_);
  for (std::uint16_t host = 0; host < settings_.actor_hosts; ++host) {
    SendTo(out, Address(), {RoleKind::kActorHost, host},
           EndpointTable{endpoints_, settings_.token});
  }
}

}  // namespace stillhouse
