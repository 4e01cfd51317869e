#pragma once

#include <cstdint>
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

/// Which ones, by their place among `shards` shards: `count` neighbours, in an order such that
/// place index % count, the worker's home, is shard index % shards. Every shard is the home of, and
/// is written by, about as many workers as every other; groups of workers overlap, so
/// that a shard which fills faster is relieved by its neighbours. With count == shards: 0, 1, ...
std::vector<std::uint32_t> ShardsOfWorker(std::uint32_t index, std::uint32_t count,
                                          std::uint32_t shards);

}  // namespace stillhouse
