#pragma once

#include <cstdint>
#include <vector>

#include "common/base/distinct_sketch.h"
#include "common/base/tensor_spec.h"
#include "replay/chunk.h"

namespace stillhouse::replay {

/// What the behaviour whose steps a shard stores has seen and done: how many different states, and
/// each action how often. Counts of hashed states as in "#Exploration" (Tang et al. 2017).
class StateCoverage {
 public:
  explicit StateCoverage(const EnvironmentSpec& environment);

  /// The chunk's items, each of which is a step once.
  void Add(const ChunkView& chunk);

  const DistinctSketch& Visited() const { return visited_; }
  /// [A]
  const std::vector<std::uint64_t>& ActionCounts() const { return action_counts_; }

 private:
  TensorSpec observation_;
  DistinctSketch visited_;
  std::vector<std::uint64_t> action_counts_;
};

/// Of a packed observation. Bits and bytes count as they are; floats by cells that grow with the
/// number: sign, exponent and half an octave, everything below 1/32 being 0.
std::uint64_t StateHash(const TensorSpec& spec, const std::uint8_t* packed);

}  // namespace stillhouse::replay
