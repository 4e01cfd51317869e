#pragma once

#include "cli/job.h"
#include "tests/simulation/world.h"

namespace stillhouse::simulation {

/// A small job with a layout and figures of the seed's choice: 2 or 3 shards, 2 student hosts with
/// 2 or 3 students, 1 or 2 actor hosts with 3 or 4 workers, a second or two of virtual time.
cli::Job DrawJob(World& world);

}  // namespace stillhouse::simulation
