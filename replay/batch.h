#pragma once

#include <cstdint>
#include <vector>

#include "common/messages/sampling.h"

namespace stillhouse::replay {

/// One training batch as a structure of arrays, joined from the shards' replies; all [B].
/// Row order is the sampler's draw order.
struct Batch {
  std::uint64_t id = 0;
  std::vector<std::uint32_t> shards;  ///< where a row came from
  std::vector<ItemHandle> handles;    ///< its handle there
  std::vector<double> probabilities;  ///< with which the row was really drawn, over the whole store
  std::vector<float> weights;         ///< importance weights (N P)^-beta, normalised
  std::vector<std::int32_t> actions;
  std::vector<float> rewards;                   ///< n-step sums
  std::vector<float> discounts;                 ///< gamma^m, 0 after termination
  std::vector<std::uint8_t> observations;       ///< packed, B x PackedBytes
  std::vector<std::uint8_t> next_observations;  ///< packed; of no meaning where discount is 0
  std::size_t Size() const { return handles.size(); }
  /// Room for so many rows, their observations apart.
  void Reserve(std::size_t rows) {
    shards.reserve(rows);
    handles.reserve(rows);
    probabilities.reserve(rows);
    actions.reserve(rows);
    rewards.reserve(rows);
    discounts.reserve(rows);
  }
};

}  // namespace stillhouse::replay
