#pragma once

#include <cstdint>
#include <string>

#include "common/base/clock.h"

namespace stillhouse {

/// CPU seconds that all threads of this process have used, user and system.
double ProcessCpuSeconds();

/// Resident memory of this process; 0 where the system does not tell.
std::uint64_t ProcessRssBytes();

std::uint64_t ProcessId();
std::string HostName();

/// CPU seconds a second between two looks: 1 is one core kept busy.
class BusyMeter {
 public:
  explicit BusyMeter(Time now) : last_time_(now), last_cpu_seconds_(ProcessCpuSeconds()) {}
  /// Since the last call (or construction); 0 when no time has passed.
  double Take(Time now);

 private:
  Time last_time_;
  double last_cpu_seconds_;
};

}  // namespace stillhouse
