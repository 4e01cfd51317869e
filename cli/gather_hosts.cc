#include "cli/gather_hosts.h"

#include <algorithm>

namespace stillhouse::cli {

namespace {

std::vector<HostFacts> Exchange(const comm::MpiSession& session, const HostFacts& mine) {
  ByteWriter out;
  mine.Encode(out);
  std::vector<HostFacts> hosts;
  for (const auto& bytes : session.FromEveryRank(out.Take())) {
    ByteReader in(bytes, "host facts");
    hosts.push_back(HostFacts::Decode(in));
    in.ExpectEnd();
  }
  return hosts;
}

}  // namespace

std::vector<HostFacts> GatherHosts(const comm::MpiSession* session) {
  HostFacts mine = ThisHost();
  if (session == nullptr) return {mine};
  auto hosts = Exchange(*session, mine);
  const bool several = std::any_of(hosts.begin(), hosts.end(), [&](const auto& host) {
    return host.name != hosts.front().name;
  });
  // The resolver may take seconds: it is asked only where the answer matters.
  if (!several) return hosts;
  mine.addresses_of_name = AddressesOfName(mine.name);
  return Exchange(*session, mine);
}

}  // namespace stillhouse::cli
