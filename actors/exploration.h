#pragma once

#include <cstdint>

#include "common/config/run_config.h"

namespace stillhouse::actors {

/// Epsilon of environment `index` of `total` when the run has `frames` frames.
///
/// Schedule: linear from `from` to `to` over `frames` run frames, the same for all environments
/// (Mnih et al. 2015). Ladder: epsilon^(1 + alpha i / (N - 1)), constant (Ape-X, Horgan et al.
/// 2018, section 4); one environment alone stands on the first rung. An index beyond the ladder
/// (a worker that joined from outside) takes the rung index % total.
double Epsilon(const ExplorationSettings& settings, std::uint64_t index, std::uint64_t total,
               std::uint64_t frames);

}  // namespace stillhouse::actors
