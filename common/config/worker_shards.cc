#include "common/config/worker_shards.h"

#include <algorithm>

#include "common/base/error.h"

namespace stillhouse {
namespace {
/// Of one shard; docs/scaling.md has what a shard does with so many.
constexpr std::uint64_t kConnections = 500;
constexpr std::uint64_t kLeast = 4;
}  // namespace

std::uint32_t ShardsPerWorker(std::uint32_t wanted, std::uint64_t workers, std::uint32_t shards) {
  SH_CHECK(shards > 0, "no shards");
  if (wanted > 0) return std::min(wanted, shards);
  if (workers <= kConnections) return shards;
  const std::uint64_t each = (kConnections * shards + workers - 1) / workers;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::max(each, kLeast), shards));
}

std::vector<std::uint32_t> ShardsOfWorker(std::uint32_t index, std::uint32_t count,
                                          std::uint32_t shards,
                                          std::span<const std::uint16_t> dead) {
  SH_CHECK(count > 0 && count + dead.size() <= shards, "{} of {} shards, {} are dead", count,
           shards, dead.size());
  std::vector<std::uint32_t> of_worker(count);
  std::uint32_t found = 0;
  for (std::uint32_t step = 0; step < shards && found < count; ++step) {
    const std::uint32_t shard = (index % shards + step) % shards;
    if (std::find(dead.begin(), dead.end(), shard) != dead.end()) continue;
    of_worker[(index % count + found++) % count] = shard;
  }
  return of_worker;
}

}  // namespace stillhouse
