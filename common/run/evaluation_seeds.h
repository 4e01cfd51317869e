#pragma once

#include <cstdint>
#include <vector>

namespace stillhouse {

/// Lists of seeds that have none in common, whatever they are drawn from.
enum class SeedList : std::uint8_t {
  kRandom = 0,    ///< random play of a run
  kPeriodic = 1,  ///< a run's evaluations while it trains, and at the freeze
  kApart = 2,     ///< `stillhouse eval`: no run has played them
  kFinal = 3,     ///< a run's last evaluation
};

/// `count` different 32-bit numbers, the two lowest bits of which name the list. A longer list
/// begins with the shorter one of the same seed.
std::vector<std::uint64_t> EvaluationSeeds(std::uint64_t seed, SeedList list, std::size_t count);

/// The same for data sets: seeds that follow one another, which meet every held-out example once
/// when there are as many. Up to 2^29; lists of other names have none in common.
std::vector<std::uint64_t> ConsecutiveSeeds(std::uint64_t seed, SeedList list, std::size_t count);

}  // namespace stillhouse
