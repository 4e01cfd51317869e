#pragma once

#include "cli/job.h"
#include "tests/simulation/item_ledger.h"
#include "tests/simulation/priority_ledger.h"

namespace stillhouse::simulation {

/// What is known of items outside the shards: of one life of the job, or of all of them when its
/// store is durable.
struct Ledgers {
  Ledgers(World& world, const cli::Job& job)
      : items(world, job.environment, static_cast<std::uint32_t>(job.config.replay.n_step),
              job.config.replay.discount, job.Shards()),
        priorities(world, items, job.config,
                   static_cast<std::size_t>(job.environment.observation.PackedBytes())) {}

  ItemLedger items;
  PriorityLedger priorities;
};

}  // namespace stillhouse::simulation
