#include "replay/state_coverage.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "common/base/rng.h"

namespace stillhouse::replay {
namespace {

constexpr float kZero = 1.0F / 32;
/// Of a float32: the sign, the exponent and the first bit of the fraction stay.
constexpr int kDroppedBits = 22;

std::uint64_t Mix(std::uint64_t state, std::uint64_t word) {
  std::uint64_t next = state ^ word;
  return SplitMix64(next);
}

std::uint32_t Cell(float value) {
  if (std::abs(value) < kZero) return 0;
  return std::bit_cast<std::uint32_t>(value) >> kDroppedBits;
}

}  // namespace

std::uint64_t StateHash(const TensorSpec& spec, const std::uint8_t* packed) {
  std::uint64_t hash = 0;
  const auto bytes = static_cast<std::size_t>(spec.PackedBytes());
  if (spec.kind == ElementKind::kFloats) {
    for (std::size_t at = 0; at < bytes; at += sizeof(float)) {
      float value = 0;
      std::memcpy(&value, packed + at, sizeof(value));
      hash = Mix(hash, Cell(value));
    }
    return hash;
  }
  for (std::size_t at = 0; at < bytes; at += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, packed + at, std::min(sizeof(word), bytes - at));
    hash = Mix(hash, word);
  }
  return hash;
}

StateCoverage::StateCoverage(const EnvironmentSpec& environment)
    : observation_(environment.observation),
      action_counts_(static_cast<std::size_t>(environment.num_actions), 0) {}

void StateCoverage::Add(const ChunkView& chunk) {
  for (std::uint32_t item = 0; item < chunk.Items(); ++item) {
    visited_.Add(StateHash(observation_, chunk.Observation(item)));
    ++action_counts_[static_cast<std::size_t>(chunk.Action(item))];
  }
}

}  // namespace stillhouse::replay
