#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "common/base/clock.h"

namespace stillhouse::simulation {

/// What happens next in virtual time; events of one moment in the order in which they were planned.
class EventQueue {
 public:
  using Action = std::function<void()>;

  Time Now() const { return now_; }
  void After(Time delay, Action action) { At(now_ + delay, std::move(action)); }
  /// A moment that has passed is now.
  void At(Time when, Action action) {
    heap_.push_back({std::max(when, now_), next_++, std::move(action)});
    std::push_heap(heap_.begin(), heap_.end(), Later);
  }
  /// Moves time on and does one event. False: nothing is planned.
  bool RunNext() {
    if (heap_.empty()) return false;
    std::pop_heap(heap_.begin(), heap_.end(), Later);
    const Event event = std::move(heap_.back());
    heap_.pop_back();
    now_ = event.when;
    ++done_;
    event.action();
    return true;
  }
  /// Nothing that is planned will happen: the processes it belonged to are gone.
  void Clear() { heap_.clear(); }
  std::uint64_t Done() const { return done_; }

 private:
  struct Event {
    Time when{};
    std::uint64_t number = 0;
    Action action;
  };
  static bool Later(const Event& a, const Event& b) {
    return std::pair(a.when, a.number) > std::pair(b.when, b.number);
  }

  Time now_{};
  std::uint64_t next_ = 0;
  std::uint64_t done_ = 0;
  std::vector<Event> heap_;
};

}  // namespace stillhouse::simulation
