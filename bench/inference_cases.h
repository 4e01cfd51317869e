#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "common/base/rng.h"
#include "common/model/network_spec.h"
#include "common/model/parameters.h"

/// What every inference benchmark measures, so that backends are compared on the same networks,
/// parameters, observations and batches.
namespace stillhouse::bench {

inline NetworkSpec ConvNetwork(std::int64_t filters, std::int64_t units, ElementKind kind) {
  const LayerSpec relu{.kind = LayerKind::kRelu};
  return NetworkSpec::Create({{.kind = LayerKind::kConv2d, .units = filters, .kernel = 3},
                              relu,
                              {.kind = LayerKind::kFlatten},
                              {.kind = LayerKind::kLinear, .units = units},
                              relu,
                              {.kind = LayerKind::kQHead, .dueling = true}},
                             {kind, {4, 10, 10}}, 6);
}
/// The teacher of the presets, and a student of 6.5 % of its parameters.
inline NetworkSpec TeacherNetwork(ElementKind kind) { return ConvNetwork(16, 128, kind); }
inline NetworkSpec StudentNetwork(ElementKind kind) { return ConvNetwork(4, 32, kind); }

inline std::vector<float> BenchParameters(const NetworkSpec& spec) {
  Rng rng(1);
  return InitialParameters(spec, rng);
}

/// Different observations that a benchmark cycles through, so that branches are not learnt by
/// heart.
constexpr std::int64_t kPool = 512;

/// [kPool x 50 bytes] bit-packed [4,10,10]: paddle, ball, its trail, and three rows of bricks with
/// now and then one missing: about 32 of 400 bits set, as in a game of MinAtar Breakout.
inline std::vector<std::uint8_t> BreakoutObservations() {
  Rng rng(2);
  std::vector<std::uint8_t> packed(kPool * 50);
  for (std::int64_t b = 0; b < kPool; ++b) {
    const auto set = [&](std::uint64_t channel, std::uint64_t row, std::uint64_t column) {
      const std::uint64_t bit = channel * 100 + row * 10 + column;
      auto& byte = packed[static_cast<std::size_t>(b) * 50 + bit / 8];
      byte = static_cast<std::uint8_t>(byte | (1 << (bit % 8)));
    };
    set(0, 9, rng.Below(10));
    const std::uint64_t row = 1 + rng.Below(8), column = 1 + rng.Below(8);
    set(1, row, column);
    set(2, row - 1 + 2 * rng.Below(2), column - 1 + 2 * rng.Below(2));
    for (std::uint64_t brick = 0; brick < 30; ++brick) {
      if (rng.Below(20) > 0) set(3, 1 + brick / 10, brick % 10);
    }
  }
  return packed;
}

/// [kPool x 400] uniform in [-1, 1): nothing to skip in the first layer.
inline std::vector<float> DenseObservations() {
  Rng rng(3);
  std::vector<float> values(kPool * 400);
  for (float& value : values) value = static_cast<float>(2 * rng.Uniform() - 1);
  return values;
}

/// Median over `rounds` of the seconds that one call of `run(first)` takes; `first` is the start of
/// a batch in the pool. A round lasts about 20 ms.
template <typename Run>
double MedianSeconds(std::int64_t batch, Run&& run, int rounds = 15) {
  using Clock = std::chrono::steady_clock;
  const auto pass = [&](std::int64_t calls) {
    const auto start = Clock::now();
    std::int64_t first = 0;
    for (std::int64_t i = 0; i < calls; ++i) {
      run(first);
      first = first + 2 * batch <= kPool ? first + batch : 0;
    }
    return std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(calls);
  };
  const double guess = pass(kPool);
  const auto calls = std::max<std::int64_t>(1, static_cast<std::int64_t>(0.02 / guess));
  std::vector<double> seconds;
  for (int r = 0; r < rounds; ++r) seconds.push_back(pass(calls));
  std::nth_element(seconds.begin(), seconds.begin() + rounds / 2, seconds.end());
  return seconds[static_cast<std::size_t>(rounds / 2)];
}

}  // namespace stillhouse::bench
