#pragma once

#include <vector>

#include "common/comm/mpi_session.h"
#include "common/net/listen_address.h"

namespace stillhouse::cli {

/// The host of every rank, in rank order, known to all of them. Collective over all ranks; without
/// MPI (null) the one host that there is.
std::vector<HostFacts> GatherHosts(const comm::MpiSession* session);

}  // namespace stillhouse::cli
