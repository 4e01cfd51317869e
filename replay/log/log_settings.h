#pragma once

#include <cstdint>

#include "common/base/tensor_spec.h"
#include "common/config/run_config.h"
#include "replay/log/segment_log.h"

namespace stillhouse::replay {

/// How shard `shard` of `shards` keeps its log in a job of this configuration.
SegmentLogSettings LogSettingsOf(const RunConfig& config, std::uint16_t shard, std::uint16_t shards,
                                 const EnvironmentSpec& environment);

}  // namespace stillhouse::replay
