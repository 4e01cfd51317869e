#pragma once

#include <cstdint>

#include "cli/job.h"
#include "tests/simulation/world.h"

namespace stillhouse::simulation {

/// A small job with a layout and figures of the seed's choice: 2 or 3 shards, 2 student hosts with
/// 2 or 3 students, 1 or 2 actor hosts with 3 or 4 workers, a second or two of virtual time.
cli::Job DrawJob(World& world);

/// How large a job is.
struct JobScale {
  std::uint32_t workers = 100;
  std::uint32_t shards = 8;
  std::uint32_t actor_hosts = 4;
  std::uint32_t shards_per_worker = 0;  ///< 0: as many as a job of that size has
};

constexpr std::uint32_t kScaleBatch = 64;
constexpr std::uint32_t kScaleChunkSteps = 32;
constexpr std::uint32_t kScalePublishEvery = 25;

/// A job of that size with two students on hosts of their own, which goes on for ever.
cli::Job ScaleJob(const JobScale& scale);

}  // namespace stillhouse::simulation
