#include "common/base/distinct_sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/base/error.h"

namespace stillhouse {
namespace {
constexpr int kIndexBits = 12;
static_assert(std::size_t{1} << kIndexBits == DistinctSketch::kRegisters);
}  // namespace

void DistinctSketch::Add(std::uint64_t hash) {
  std::uint8_t& place = registers_[hash >> (64 - kIndexBits)];
  // The bit below the index bits ends the run of zeros where there is no other.
  const std::uint64_t rest = (hash << kIndexBits) | (std::uint64_t{1} << (kIndexBits - 1));
  place = std::max(place, static_cast<std::uint8_t>(std::countl_zero(rest) + 1));
}

void DistinctSketch::Merge(std::span<const std::uint8_t> registers) {
  if (registers.empty()) return;
  SH_CHECK(registers.size() == kRegisters, "a sketch of {} registers", registers.size());
  std::transform(registers.begin(), registers.end(), registers_.begin(), registers_.begin(),
                 [](std::uint8_t a, std::uint8_t b) { return std::max(a, b); });
}

double DistinctSketch::Estimate() const {
  constexpr double kCount = kRegisters;
  const double alpha = 0.7213 / (1 + 1.079 / kCount);
  double sum = 0;
  double empty = 0;
  for (const std::uint8_t value : registers_) {
    sum += std::ldexp(1.0, -static_cast<int>(value));
    if (value == 0) ++empty;
  }
  const double raw = alpha * kCount * kCount / sum;
  // Few things leave registers empty, and their number says more (linear counting).
  return raw <= 2.5 * kCount && empty > 0 ? kCount * std::log(kCount / empty) : raw;
}

}  // namespace stillhouse
