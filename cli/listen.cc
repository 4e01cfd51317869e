#include "cli/listen.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/error.h"
#include "common/net/tcp_transport.h"

namespace stillhouse::cli {

int TotalCores(const std::vector<HostFacts>& hosts) {
  std::map<std::string, int> cores;
  for (const auto& host : hosts) cores[host.name] = static_cast<int>(host.cores);
  int total = 0;
  for (const auto& [name, count] : cores) total += count;
  return total;
}

std::vector<ShardEndpoint> ShardEndpoints(const std::string& listen, const RoleLayout& layout,
                                          const std::vector<HostFacts>& hosts,
                                          const NameLookup& lookup) {
  const auto spec = ListenSpec::Parse(listen);
  SH_CHECK(spec, "actors.listen: {} was not checked", listen);
  const bool alone = std::all_of(hosts.begin(), hosts.end(),
                                 [&](const auto& host) { return host.name == hosts[0].name; });
  std::vector<ShardEndpoint> endpoints;
  std::map<std::string, std::uint32_t> shards_of_host;
  std::set<std::string> errors;
  for (std::int32_t shard = 0; shard < layout.Count(RoleKind::kShard); ++shard) {
    const auto& host = hosts.at(static_cast<std::size_t>(layout.RankOf(RoleKind::kShard, shard)));
    try {
      const ListenAddress address = ChooseListenAddress(spec->where, host, alone, lookup);
      const std::uint32_t port = spec->port == 0 ? 0 : spec->port + shards_of_host[host.name]++;
      if (port > 65535) {
        throw ConfigError(fmt::format("actors.listen: {}: the shards of {} need ports beyond 65535",
                                      listen, host.name));
      }
      const HostPort bind{address.bind_host, static_cast<std::uint16_t>(port)};
      endpoints.push_back({bind.ToString(), address.announced_host});
    } catch (const ConfigError& error) {
      errors.insert(error.what());
    }
  }
  if (!errors.empty()) throw ConfigError(fmt::format("{}", fmt::join(errors, "\n")));
  return endpoints;
}

}  // namespace stillhouse::cli
