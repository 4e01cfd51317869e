#pragma once

#include <cstdint>
#include <vector>

#include "common/model/network_spec.h"

namespace stillhouse {

/// Where a layer's values lie while one observation passes through a network, row-major, without
/// padding.
struct ScratchPlace {
  enum class Memory : std::uint8_t { kObservation, kScratch, kOutput };
  Memory memory = Memory::kObservation;
  std::int64_t offset = 0;  ///< in floats
  bool operator==(const ScratchPlace&) const = default;
};

struct LayerPlaces {
  ScratchPlace in, out;
  ScratchPlace other;  ///< join: what is added to `in`
};

/// The memory of one forward pass, fixed before it: a buffer is used again as soon as nothing needs
/// what it holds. The observation is never written to; the head writes the output.
struct ScratchPlan {
  std::vector<LayerPlaces> layers;
  std::int64_t floats = 0;  ///< of the scratch memory
};

ScratchPlan PlanScratch(const NetworkSpec& spec);

}  // namespace stillhouse
