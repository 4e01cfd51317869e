#include "cli/gather_hosts.h"

namespace stillhouse::cli {

std::vector<HostFacts> GatherHosts(const comm::MpiSession* session) {
  if (session == nullptr) return {ThisHost()};
  ByteWriter mine;
  ThisHost().Encode(mine);
  std::vector<HostFacts> hosts;
  for (const auto& bytes : session->FromEveryRank(mine.Take())) {
    ByteReader in(bytes, "host facts");
    hosts.push_back(HostFacts::Decode(in));
    in.ExpectEnd();
  }
  return hosts;
}

}  // namespace stillhouse::cli
