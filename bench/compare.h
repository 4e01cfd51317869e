#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include <fmt/core.h>
#include <unistd.h>

/// Comparisons of a reference with ours in one process.
namespace stillhouse::bench {

/// Restarts the program with the settings under which LibTorch is fast on one thread, for both
/// sides alike (docs/performance.md); what the user has set wins. They are read before main.
inline void TuneProcess(char** argv) {
  if (std::getenv("STILLHOUSE_BENCH_TUNED") != nullptr) return;
  setenv("STILLHOUSE_BENCH_TUNED", "1", 1);
  __builtin_cpu_init();
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
  if (__builtin_cpu_supports("avx2")) {
    setenv("OPENBLAS_CORETYPE", avx512 ? "SKYLAKEX" : "HASWELL", 0);
    setenv("ATEN_CPU_CAPABILITY", avx512 ? "avx512" : "avx2", 0);
  }
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  setenv("OMP_NUM_THREADS", "1", 0);
  setenv("OMP_WAIT_POLICY", "passive", 0);
  setenv("MALLOC_TRIM_THRESHOLD_", "268435456", 0);
  setenv("MALLOC_MMAP_THRESHOLD_", "268435456", 0);
  execv("/proc/self/exe", argv);
}

struct Comparison {
  double reference_us = 0;  ///< median of a call
  double ours_us = 0;
  double ratio = 0;  ///< median over the repeats of reference / ours
  double least = 0, most = 0;
};

using Step = std::function<void()>;

inline double SecondsOf(const Step& step, int calls) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; ++i) step();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / calls;
}

inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Runs both in turn, seven times (quick: three times) for `seconds` each.
inline Comparison Compare(const Step& reference, const Step& ours, bool quick,
                          double seconds = 0.5) {
  if (quick) seconds /= 10;
  const auto calls = [&](const Step& step) {
    SecondsOf(step, 5);
    return std::max(1, static_cast<int>(seconds / SecondsOf(step, 20)));
  };
  const int reference_calls = calls(reference);
  const int our_calls = calls(ours);
  std::vector<double> slow, fast, ratios;
  for (int repeat = 0; repeat < (quick ? 3 : 7); ++repeat) {
    slow.push_back(SecondsOf(reference, reference_calls));
    fast.push_back(SecondsOf(ours, our_calls));
    ratios.push_back(slow.back() / fast.back());
  }
  const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
  return {Median(slow) * 1e6, Median(fast) * 1e6, Median(ratios), *least, *most};
}

inline void Print(const std::string& name, const Comparison& c, const std::string& conditions) {
  fmt::print(R"({{"name":"{}","value":{:.4g},"unit":"x","higher_is_better":true,)"
             R"("conditions":"{}; reference {:.4g} us, ours {:.4g} us, ratios {:.3g} to {:.3g}, )"
             R"(interleaved, one thread"}})"
             "\n",
             name, c.ratio, conditions, c.reference_us, c.ours_us, c.least, c.most);
  std::fflush(stdout);
}

}  // namespace stillhouse::bench
