#pragma once

#include <cstdint>

namespace stillhouse {

/// Which of the teacher's parameters label.
enum class LabelChoice : std::uint8_t {
  kCurrent,  ///< as they are: a by-product of the TD step
  kAverage,  ///< their Polyak average
  kLagged,   ///< the target network: `target_update` updates old at most
  kBest,     ///< those of the best evaluation so far
};
inline constexpr LabelChoice kLastLabelChoice = LabelChoice::kBest;

}  // namespace stillhouse
