#pragma once

#include <chrono>

namespace stillhouse {

/// Time since the run's start. Roles get it as an argument; in deterministic mode it is virtual.
using Time = std::chrono::nanoseconds;

inline double Seconds(Time t) { return std::chrono::duration<double>(t).count(); }
inline Time FromSeconds(double s) {
  return std::chrono::duration_cast<Time>(std::chrono::duration<double>(s));
}

/// Where a driver takes the time from.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;
};

/// Monotonic time since construction.
class SteadyClock final : public Clock {
 public:
  Time Now() const override {
    return std::chrono::duration_cast<Time>(std::chrono::steady_clock::now() - start_);
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Time that moves only when told to.
class VirtualClock final : public Clock {
 public:
  Time Now() const override { return now_; }
  void Advance(Time by) { now_ += by; }

 private:
  Time now_{};
};

}  // namespace stillhouse
