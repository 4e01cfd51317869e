#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "common/base/clock.h"

namespace stillhouse::replay {

/// Workers that a shard has lost sight of, so that what it keeps of each (its last sequence, for
/// exactly-once) does not grow with every worker that ever came by. One that said goodbye never
/// returns; one whose connection broke is forgotten an hour later. That is safe: a worker gives up
/// by itself when a shard was away for ten minutes (actors/actor_driver.h).
class DepartedWorkers {
 public:
  static constexpr Time kMemory = std::chrono::hours(1);

  /// Its connection is gone. The time counts from the next TakeForgotten.
  void Lost(std::uint64_t incarnation) { fresh_.push_back(incarnation); }
  /// It has connected again.
  void Returned(std::uint64_t incarnation) {
    since_.erase(incarnation);
    std::erase(fresh_, incarnation);
  }
  /// Incarnations that have been away for kMemory by now; they are dropped here too.
  std::vector<std::uint64_t> TakeForgotten(Time now) {
    for (const std::uint64_t incarnation : fresh_) {
      since_[incarnation] = now;
      queue_.emplace_back(now, incarnation);
    }
    fresh_.clear();
    std::vector<std::uint64_t> forgotten;
    while (!queue_.empty() && now - queue_.front().first >= kMemory) {
      const auto [time, incarnation] = queue_.front();
      queue_.pop_front();
      // It may have been back meanwhile, or back and away again: then a later entry stands for it.
      const auto found = since_.find(incarnation);
      if (found == since_.end() || found->second != time) continue;
      since_.erase(found);
      forgotten.push_back(incarnation);
    }
    return forgotten;
  }
  std::size_t Size() const { return since_.size() + fresh_.size(); }

 private:
  std::vector<std::uint64_t> fresh_;
  std::map<std::uint64_t, Time> since_;
  std::deque<std::pair<Time, std::uint64_t>> queue_;  ///< in order of time
};

}  // namespace stillhouse::replay
