#pragma once

#include <cstdint>

namespace stillhouse {

/// Numbers of evaluation tasks are unique over all attempts of a run: the attempt, from 0, and a
/// count. A worker from outside may outlive an attempt, with its tasks and their weights; those of
/// the next attempt may have the same seeds, and other weights under the same version.
inline constexpr unsigned kTaskCountBits = 32;

constexpr std::uint64_t FirstTaskNumber(std::uint32_t attempt) {
  return std::uint64_t{attempt} << kTaskCountBits;
}
constexpr std::uint64_t AttemptOfTask(std::uint64_t task) { return task >> kTaskCountBits; }

}  // namespace stillhouse
