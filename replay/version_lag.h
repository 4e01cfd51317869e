#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace stillhouse::replay {

/// How many versions of the teacher's weights lay between those that played a chunk and the
/// newest at the time when it was stored: the last kWindow chunks, in a histogram whose last bin
/// is "kMost or more". O(1) a chunk.
class VersionLag {
 public:
  static constexpr std::size_t kWindow = 1024;
  static constexpr std::uint64_t kMost = 255;

  /// A worker that claims a version which does not exist yet counts as up to date.
  void Add(std::uint64_t newest, std::uint64_t played_with) {
    const std::uint64_t lag = std::min(kMost, newest - std::min(newest, played_with));
    std::uint8_t& place = window_[next_];
    if (size_ == kWindow) --chunks_[place];
    size_ = std::min(size_ + 1, kWindow);
    place = static_cast<std::uint8_t>(lag);
    ++chunks_[place];
    next_ = (next_ + 1) % kWindow;
  }

  /// The least lag that 99 % of the chunks do not exceed; 0 when there are none.
  std::uint64_t Percentile99() const {
    const std::size_t wanted = (size_ * 99 + 99) / 100;
    std::size_t seen = 0;
    for (std::uint64_t lag = 0; lag < kMost; ++lag) {
      seen += chunks_[lag];
      if (seen >= wanted) return lag;
    }
    return kMost;
  }

 private:
  std::array<std::uint8_t, kWindow> window_{};     ///< lags, a ring
  std::array<std::uint16_t, kMost + 1> chunks_{};  ///< [lag] of the window
  std::size_t size_ = 0;
  std::size_t next_ = 0;
};

}  // namespace stillhouse::replay
