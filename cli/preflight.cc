#include "cli/preflight.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>

#include <unistd.h>

#include "cli/plan_estimate.h"
#include "cli/store_layout.h"
#include "common/base/error.h"
#include "common/net/tcp_transport.h"
#include "common/telemetry/process_stats.h"

namespace stillhouse::cli {
namespace {

std::string Bytes(double bytes) {
  const char* const units[] = {"B", "KB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(units); ++unit) bytes /= 1000;
  return fmt::format("{:.1f} {}", bytes, units[unit]);
}

/// Somebody who takes connections and does nothing with them.
class Nobody final : public TcpHandler {
  void OnConnect(ConnectionId, const std::string&) override {}
  void OnFrame(ConnectionId, std::uint8_t, std::span<const std::uint8_t>) override {}
  void OnDisconnect(ConnectionId, const std::string&) override {}
};

/// Listens, all at once, where this rank's shards are going to, and stops again.
std::vector<std::string> PortErrors(const Job& job, int rank) {
  std::vector<std::string> errors;
  if (job.config.run.deterministic) return errors;  // no sockets at all
  EventLoop loop;
  Nobody nobody;
  std::vector<std::unique_ptr<TcpServer>> servers;
  for (const auto& role : job.layout.ranks[static_cast<std::size_t>(rank)]) {
    if (role.kind != RoleKind::kShard) continue;
    TcpServerOptions options;
    options.listen = job.shard_endpoints[role.index].listen;
    try {
      servers.push_back(std::make_unique<TcpServer>(loop, options, nobody, [](const auto&) {}));
    } catch (const ConfigError& error) {
      errors.push_back(fmt::format("actors.listen: {}: shard {}: {}", job.config.actors.listen,
                                   role.index, error.what()));
    }
  }
  return errors;
}

/// A store that is dealt out is written by rank 0 alone: every shard has to see it.
std::vector<std::string> StoreErrors(const Job& job, int rank) {
  std::vector<std::string> errors;
  if (job.store.deal_out.empty()) return errors;
  const auto& roles = job.layout.ranks[static_cast<std::size_t>(rank)];
  const bool shard = std::any_of(roles.begin(), roles.end(), [](const RoleAddress& role) {
    return role.kind == RoleKind::kShard;
  });
  const auto seen = StoredShards(StandingStore(job.store.folder));
  const bool all =
      std::includes(seen.begin(), seen.end(), job.store.stored.begin(), job.store.stored.end());
  if (!shard || all) return errors;
  errors.push_back(fmt::format(
      "replay.shards: {}: the run had {}, so rank 0 has to deal their store out anew, but {} on {} "
      "is not the folder that rank 0 sees; name one that all hosts share (replay.dir), or resume "
      "with {} shards",
      job.Shards(), job.store.deal_out.size(), job.store.folder, HostName(),
      job.store.deal_out.size()));
  return errors;
}

/// The number in a file of the control group; none when it says "max" or is not there.
double LimitIn(const std::string& file) {
  std::ifstream in(file);
  double bytes = 0;
  return in >> bytes ? bytes : 0;
}

}  // namespace

double UsableMemoryBytes() {
  double bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  if (bytes <= 0) return 0;
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with("0::")) continue;
    // Every group above may have a limit of its own.
    for (std::string path = line.substr(3);; path.resize(path.rfind('/'))) {
      const double limit = LimitIn("/sys/fs/cgroup" + path + "/memory.max");
      if (limit > 0) bytes = std::min(bytes, limit);
      if (path.find('/') == std::string::npos) break;
    }
  }
  return bytes;
}

void RankFindings::Encode(ByteWriter& out) const {
  out.PutString(host);
  out.Put(memory_bytes);
  out.Put(static_cast<std::uint32_t>(errors.size()));
  for (const auto& error : errors) out.PutString(error);
}

RankFindings RankFindings::Decode(ByteReader& in) {
  RankFindings found;
  found.host = in.GetString();
  found.memory_bytes = in.Get<double>();
  for (auto left = in.Get<std::uint32_t>(); left > 0; --left) {
    found.errors.push_back(in.GetString());
  }
  return found;
}

RankFindings FindOnThisRank(const Job& job, int rank) {
  auto errors = PortErrors(job, rank);
  for (auto& error : StoreErrors(job, rank)) errors.push_back(std::move(error));
  return {HostName(), UsableMemoryBytes(), std::move(errors)};
}

std::vector<std::string> PreflightErrors(const Job& job, const std::vector<RankFindings>& ranks) {
  std::vector<PlannedModel> models;
  for (std::size_t i = 0; i < job.networks.size(); ++i) {
    models.push_back({job.model_names[i], job.networks[i]});
  }
  const PlanFacts facts{job.config, job.environment, job.layout, models};
  struct Host {
    double needed = 0;
    double usable = 0;
    int ranks = 0;
  };
  std::map<std::string, Host> hosts;
  std::vector<std::string> errors;
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    errors.insert(errors.end(), ranks[rank].errors.begin(), ranks[rank].errors.end());
    Host& host = hosts[ranks[rank].host];
    host.needed += EstimateRankBytes(facts, static_cast<std::int32_t>(rank));
    host.usable = std::max(host.usable, ranks[rank].memory_bytes);
    ++host.ranks;
  }
  for (const auto& [name, host] : hosts) {
    if (host.usable == 0 || host.needed <= host.usable) continue;
    errors.push_back(fmt::format(
        "replay.capacity: {}: what runs on {} ({} rank{}) needs about {} of memory, but it has {}; "
        "`stillhouse plan` shows what each rank needs",
        job.config.replay.capacity, name, host.ranks, host.ranks == 1 ? "" : "s",
        Bytes(host.needed), Bytes(host.usable)));
  }
  return errors;
}

}  // namespace stillhouse::cli
