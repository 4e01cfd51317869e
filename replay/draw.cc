#include "replay/draw.h"

#include <algorithm>
#include <cmath>

namespace stillhouse::replay {

std::vector<double> StratifiedMasses(std::span<const double> uniforms, double total) {
  std::vector<double> masses(uniforms.size());
  const auto count = static_cast<double>(uniforms.size());
  for (std::size_t k = 0; k < masses.size(); ++k) {
    masses[k] = (static_cast<double>(k) + uniforms[k]) * total / count;
  }
  return masses;
}

std::vector<double> MultinomialMasses(std::span<const double> uniforms, double total) {
  std::vector<double> masses(uniforms.begin(), uniforms.end());
  for (double& mass : masses) mass *= total;
  return masses;
}

ShardDraw SplitMasses(std::span<const double> masses, std::span<const double> shard_masses) {
  std::vector<double> ends(shard_masses.size());  // cumulative mass after each shard
  double sum = 0;
  std::uint32_t last = 0;  // the last shard with mass: where rounding may push a point
  for (std::uint32_t k = 0; k < ends.size(); ++k) {
    if (shard_masses[k] > 0) last = k;
    ends[k] = sum += shard_masses[k];
  }
  ShardDraw draw;
  draw.offsets.resize(shard_masses.size());
  draw.shards.reserve(masses.size());
  for (auto& offsets : draw.offsets) offsets.reserve(masses.size());
  for (const double mass : masses) {
    const auto end = std::upper_bound(ends.begin(), ends.end(), mass);
    const auto k = end == ends.end() ? last : static_cast<std::uint32_t>(end - ends.begin());
    const double before = k == 0 ? 0 : ends[k - 1];
    const double most = std::nextafter(shard_masses[k], 0.0);
    draw.offsets[k].push_back(std::clamp(mass - before, 0.0, most));
    draw.shards.push_back(k);
  }
  return draw;
}

}  // namespace stillhouse::replay
