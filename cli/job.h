#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "actors/actor_host.h"
#include "cli/listen.h"
#include "cli/store_plan.h"
#include "common/base/tensor_spec.h"
#include "common/config/run_config.h"
#include "common/model/network_spec.h"
#include "common/run/coordinator.h"
#include "common/run/role_layout.h"
#include "learner/protocol/follower_role.h"
#include "learner/protocol/learner_role.h"
#include "learner/protocol/student_role.h"
#include "replay/shard.h"

namespace stillhouse::cli {

/// Everything about a job that every rank agrees on: the configuration, what it is applied to,
/// and who plays what. Makes the settings of each role, for the ranks of a cluster and for a
/// deterministic run alike.
struct Job {
  RunConfig config;
  std::string config_yaml;  ///< resolved, without the token
  EnvironmentSpec environment;
  RoleLayout layout;
  std::vector<std::string> model_names;  ///< teacher first, then the students
  std::vector<NetworkSpec> networks;     ///< in the same order
  std::string token;
  std::uint32_t attempt = 1;
  std::vector<std::vector<float>> initial;  ///< [models] or empty: what they begin with; empty: at
                                            ///< random
  bool resuming = false;                    ///< learner and student hosts wait for their Restore
  std::optional<ResumePoint> resume;        ///< on rank 0 of a resumed job
  bool at_seam = false;                     ///< `resume` is of this very attempt
  /// [shards] of a deterministic run: the stores' tails at the checkpoints that are kept, oldest
  /// first.
  std::map<std::uint16_t, std::vector<ItemHandle>> kept_tails{};
  StorePlan store;                             ///< where and from what shards keep their logs
  double tolerance = 0;                        ///< of the rate limiter, in samples
  std::vector<ShardEndpoint> shard_endpoints;  ///< [shards]

  std::uint16_t Shards() const;
  std::uint16_t Learners() const;
  std::uint16_t StudentHosts() const;
  std::uint16_t ActorHosts() const;

  replay::ShardSettings ShardSettingsOf(std::uint16_t shard) const;
  learner::LearnerRole::Settings LearnerSettings() const;
  /// Of learner `index` >= 1.
  learner::FollowerRole::Settings FollowerSettings(std::uint16_t index) const;
  learner::StudentRole::Settings StudentSettingsOf(std::uint16_t host) const;
  actors::ActorHostSettings ActorHostSettingsOf(std::uint16_t host) const;
  /// The students of a host, as indices into config.students.
  std::vector<std::size_t> StudentsOf(std::uint16_t host) const;
  /// The rows for which the teacher labels: s and s' when any student wants both.
  LabelRows Rows() const;
  /// `latency_us`: [models] measured, or zeros.
  Coordinator::Settings CoordinatorSettings(const std::vector<double>& latency_us,
                                            double start_unix_s) const;
};

/// Checks the networks against the environment and lays out the roles. Throws ConfigError.
/// `hosts`: of every rank. `roles`: the --role of every rank, empty texts or no text at all when
/// the configuration decides.
Job MakeJob(RunConfig config, const std::vector<HostFacts>& hosts, std::string token,
            const std::vector<std::string>& roles = {});

/// Microseconds of one native forward pass of one observation, median of many, on this host.
double MeasureLatency(const NetworkSpec& network, std::uint64_t seed);

}  // namespace stillhouse::cli
