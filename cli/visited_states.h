#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "actors/env/environment.h"
#include "common/model/native_network.h"

namespace stillhouse::cli {

/// States that a policy met, and what a reference model says of each.
struct VisitedStates {
  struct Place {
    std::uint64_t seed = 0;  ///< of the episode
    std::uint32_t step = 0;  ///< of it, from 0
  };
  std::vector<Place> places;         ///< [n]
  std::vector<std::uint8_t> packed;  ///< [n, PackedBytes]
  std::vector<float> q;              ///< [n, A] of the reference
  double return_mean = 0;            ///< of the episodes that were played to their end; else 0
  std::size_t episodes = 0;          ///< of these
  std::size_t Size() const { return places.size(); }
};

/// What a policy chooses by.
struct SeenState {
  std::span<const std::uint8_t> packed;  ///< the observation
  std::span<const float> q;              ///< [A] of the reference
  std::span<const std::uint8_t> legal;   ///< [A], or empty: every action
};
using Policy = std::function<std::int32_t(const SeenState&)>;

/// The reference's own: its greedy action.
std::int32_t PlaysBest(const SeenState& state);

struct VisitSettings {
  std::vector<std::uint64_t> seeds;
  std::uint32_t max_steps = 10000;
  std::size_t max_states = 20000;  ///< then the rest of the seeds is left
  /// False: every seed to its end, for the return alone; no states, the reference is not asked and
  /// the policy gets no q.
  bool keep_states = true;
};

/// Episodes of `seeds`, in order, in one environment.
VisitedStates Visit(actors::Environment& environment, NativeNetwork& reference,
                    const Policy& policy, const VisitSettings& settings);

}  // namespace stillhouse::cli
