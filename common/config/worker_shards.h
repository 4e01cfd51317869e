#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace stillhouse {

/// Shards that one worker writes to: `wanted` (actors.shards_per_worker), 0 being auto: all of
/// them, until a shard would have more than some 500 workers; then fewer, but at least four, so
/// that a dead shard leaves the worker three. At most `shards`, at least 1.
///
/// Each worker has a connection to each of its shards, over which a status comes ten times a second
/// and on which a few chunks wait while the rate limiter holds them: with all shards that is
/// workers x shards of both (docs/scaling.md).
std::uint32_t ShardsPerWorker(std::uint32_t wanted, std::uint64_t workers, std::uint32_t shards);

/// Which ones: `count` neighbours in the ring of all `shards` shards, those of `dead` left out,
/// from shard index % shards on. That first one is put at place index % count, which is the
/// worker's home. Every shard is written by, and is the home of, about as many workers as every
/// other; groups of workers overlap, so that a shard which fills faster is relieved by its
/// neighbours. With all of them alive and count == shards: 0, 1, ... There are at least `count`
/// living ones (SH_CHECK).
std::vector<std::uint32_t> ShardsOfWorker(std::uint32_t index, std::uint32_t count,
                                          std::uint32_t shards,
                                          std::span<const std::uint16_t> dead = {});

}  // namespace stillhouse
