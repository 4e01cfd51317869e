#pragma once

#include <string>
#include <vector>

#include "common/net/listen_address.h"
#include "common/run/role_layout.h"

namespace stillhouse::cli {

/// Cores of all hosts together.
int TotalCores(const std::vector<HostFacts>& hosts);

/// Where a shard listens, and by which host it is reached.
struct ShardEndpoint {
  std::string listen;  ///< "host:port"
  std::string announced_host;
};

/// Applies `actors.listen` to the host of each shard, in shard order; every rank computes the
/// same. With a port, the shards of one host take it and the ones after it. Throws ConfigError, a
/// line for each host that has no such address.
std::vector<ShardEndpoint> ShardEndpoints(const std::string& listen, const RoleLayout& layout,
                                          const std::vector<HostFacts>& hosts,
                                          const NameLookup& lookup = AddressesOfName);

}  // namespace stillhouse::cli
