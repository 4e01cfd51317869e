#include "actors/exploration.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"

namespace stillhouse::actors {

double Epsilon(const ExplorationSettings& settings, std::uint64_t index, std::uint64_t total,
               std::uint64_t frames) {
  if (settings.kind == ExplorationSettings::Kind::kSchedule) {
    if (settings.frames <= 0) return settings.to;
    const double done =
        std::min(1.0, static_cast<double>(frames) / static_cast<double>(settings.frames));
    return settings.from * (1.0 - done) + settings.to * done;
  }
  SH_CHECK(total > 0, "a ladder without environments");
  if (total == 1) return settings.epsilon;
  const double rung = static_cast<double>(index % total) / static_cast<double>(total - 1);
  return std::pow(settings.epsilon, 1.0 + settings.alpha * rung);
}

}  // namespace stillhouse::actors
