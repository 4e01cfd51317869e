#include "common/run/evaluation_seeds.h"

#include <set>

#include "common/base/rng.h"

namespace stillhouse {

std::vector<std::uint64_t> EvaluationSeeds(std::uint64_t seed, SeedList list, std::size_t count) {
  Rng rng = MakeRng(seed, RngPurpose::kEvaluation);
  std::set<std::uint64_t> drawn;
  std::vector<std::uint64_t> seeds;
  while (seeds.size() < count) {
    const std::uint64_t next = ((rng() >> 34) << 2) | static_cast<std::uint64_t>(list);
    if (drawn.insert(next).second) seeds.push_back(next);
  }
  return seeds;
}

std::vector<std::uint64_t> ConsecutiveSeeds(std::uint64_t seed, SeedList list, std::size_t count) {
  Rng rng = MakeRng(seed, RngPurpose::kEvaluation);
  const std::uint64_t first = (static_cast<std::uint64_t>(list) << 30U) | (rng() >> 35U);
  std::vector<std::uint64_t> seeds;
  for (std::size_t i = 0; i < count; ++i) seeds.push_back(first + i);
  return seeds;
}

}  // namespace stillhouse
