#pragma once

#include <cstddef>
#include <cstdint>

namespace stillhouse::replay {

/// How a step ended, as bits of one byte. Both may be set; then terminated wins.
inline constexpr std::uint8_t kTerminated = 1;
inline constexpr std::uint8_t kTruncated = 2;

/// The n-step return that begins at one step.
struct NStepReturn {
  double ret = 0;            ///< sum of gamma^k r[k] over the steps taken
  double discount = 0;       ///< gamma^length, 0 when the last step taken terminated
  std::uint32_t length = 0;  ///< steps taken, >= 1
};

/// Takes steps from the first one on and stops after the one that is terminated or truncated, is
/// the n-th, or is the last of the `left` steps there are (Sutton & Barto 2018, eq. 7.1, cut at
/// episode ends). `reward(k)` and `flags(k)` give step k; left >= 1, n >= 1.
template <typename Reward, typename Flags>
NStepReturn ComputeNStep(Reward&& reward, Flags&& flags, std::size_t left, std::uint32_t n,
                         double gamma) {
  NStepReturn result;
  double power = 1;
  for (std::size_t k = 0; k < left && k < n; ++k) {
    result.ret += power * static_cast<double>(reward(k));
    power *= gamma;
    ++result.length;
    const std::uint8_t end = flags(k);
    if (end != 0) {
      if ((end & kTerminated) != 0) power = 0;
      break;
    }
  }
  result.discount = power;
  return result;
}

}  // namespace stillhouse::replay
