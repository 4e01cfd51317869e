#pragma once

#include <cstdint>
#include <span>

namespace stillhouse::learner {

/// Index of the greatest value among the legal ones (empty `legal`: all); the lowest index wins a
/// tie. values.size() when nothing is legal.
template <typename T>
std::size_t GreedyAction(std::span<const T> values, std::span<const std::uint8_t> legal = {}) {
  std::size_t best = values.size();
  for (std::size_t a = 0; a < values.size(); ++a) {
    if (!legal.empty() && legal[a] == 0) continue;
    if (best == values.size() || values[a] > values[best]) best = a;
  }
  return best;
}

}  // namespace stillhouse::learner
