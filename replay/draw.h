#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace stillhouse::replay {

/// Points on the cumulative mass of a whole store, as pure functions of uniform numbers in [0, 1).

/// One point in each of K equal parts: mass_k = (k + u_k) total / K  (Schaul et al. 2016, B.2.1).
std::vector<double> StratifiedMasses(std::span<const double> uniforms, double total);
/// Independent points: mass_k = u_k total.
std::vector<double> MultinomialMasses(std::span<const double> uniforms, double total);

/// Points handed to the shards that they fall on.
struct ShardDraw {
  std::vector<std::uint32_t> shards;         ///< [K] of each point
  std::vector<std::vector<double>> offsets;  ///< [shards] within each shard, in order of points
};

/// As one tree over the shards in order would: the first shard whose cumulative mass is above the
/// point, so never one without mass. The sum of `shard_masses` must be positive.
ShardDraw SplitMasses(std::span<const double> masses, std::span<const double> shard_masses);

}  // namespace stillhouse::replay
