#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace stillhouse::actors {

/// The first action of greatest value; q [A], A >= 1.
inline std::int32_t GreedyAction(std::span<const float> q) {
  std::size_t best = 0;
  for (std::size_t a = 1; a < q.size(); ++a) {
    if (q[a] > q[best]) best = a;
  }
  return static_cast<std::int32_t>(best);
}

}  // namespace stillhouse::actors
