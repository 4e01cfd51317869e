#include "common/telemetry/process_stats.h"

#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

namespace stillhouse {

double ProcessCpuSeconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::uint64_t ProcessRssBytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size_pages = 0;
  std::uint64_t resident_pages = 0;
  if (!(statm >> size_pages >> resident_pages)) return 0;
  return resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t ProcessId() { return static_cast<std::uint64_t>(getpid()); }

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0) return "unknown";
  return name;
}

double BusyMeter::Take(Time now) {
  const double cpu_seconds = ProcessCpuSeconds();
  const double wall_seconds = Seconds(now - last_time_);
  const double busy = wall_seconds > 0 ? (cpu_seconds - last_cpu_seconds_) / wall_seconds : 0;
  last_time_ = now;
  last_cpu_seconds_ = cpu_seconds;
  return busy;
}

}  // namespace stillhouse
