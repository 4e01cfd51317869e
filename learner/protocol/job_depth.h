#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "common/base/clock.h"

namespace stillhouse::learner {

/// How many jobs a role hands to its compute thread ahead. Two keep it busy across the hand-over;
/// while jobs are short, four: the event loop then has several outcomes to see to when it wakes,
/// and wakes less often. Long jobs stay two, for a pin or a freeze waits behind them.
class JobDepth {
 public:
  static constexpr std::int32_t kFew = 2;
  static constexpr std::int32_t kMany = 4;
  static constexpr Time kShort = std::chrono::milliseconds(5);

  std::int32_t Most() const { return short_ ? kMany : kFew; }
  /// A job is done; `under_way` with it.
  void OnDone(std::int32_t under_way, Time now) {
    // With another one behind it the compute thread has worked since the last one was done.
    if (last_ && worked_) short_ = now - *last_ <= kShort;
    worked_ = under_way > 1;
    last_ = now;
  }

 private:
  bool short_ = true;
  bool worked_ = false;
  std::optional<Time> last_;
};

}  // namespace stillhouse::learner
