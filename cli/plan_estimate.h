#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/tensor_spec.h"
#include "common/config/run_config.h"
#include "common/model/network_spec.h"
#include "common/run/role_layout.h"

namespace stillhouse::cli {

// Resident bytes of processes before they hold anything.
inline constexpr double kPlainProcessBytes = 25e6;
inline constexpr double kTorchProcessBytes = 230e6;

/// A model of the job, with its network.
struct PlannedModel {
  std::string name;
  NetworkSpec network;
};

/// What a job will move and hold, worked out from the configuration. Pure.
struct PlanFacts {
  const RunConfig& config;
  const EnvironmentSpec& environment;
  const RoleLayout& layout;
  const std::vector<PlannedModel>& models;  ///< teacher first
};

/// Rates that the configuration implies once the teacher updates as fast as one core computes.
struct PlanRates {
  double updates_per_s = 0;
  double frames_per_s = 0;   ///< updates * batch / samples_per_insert
  double samples_per_s = 0;  ///< updates * batch
};

PlanRates EstimateRates(const PlanFacts& facts);

struct PlanLink {
  std::string name;  ///< "experience: workers -> shards"
  double bytes_per_s = 0;
  std::string how;
};
std::vector<PlanLink> EstimateLinks(const PlanFacts& facts, const PlanRates& rates);

/// Bytes of one rank, workers of its actor host included.
double EstimateRankBytes(const PlanFacts& facts, std::int32_t rank);
/// Of all shards' logs together, when the store is full; 0 when none are kept.
double EstimateDiskBytes(const PlanFacts& facts);

/// Bytes of one worker process.
double EstimateWorkerBytes(const PlanFacts& facts);

}  // namespace stillhouse::cli
