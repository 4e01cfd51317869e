#pragma once

#include <cstdint>
#include <vector>

#include "common/config/run_config.h"
#include "common/messages/envelope.h"
#include "common/run/role_wishes.h"

namespace stillhouse {

/// Which rank plays what. Plain values, equal on every rank that computes it.
struct RoleLayout {
  std::vector<std::vector<RoleAddress>> ranks;              ///< [rank]
  std::vector<std::vector<std::int32_t>> students_of_host;  ///< [student host] -> students served
  std::vector<std::int32_t> workers_of_actor_host;          ///< [actor host] worker processes

  std::int32_t Count(RoleKind kind) const;
  /// The rank of a role that exists.
  std::int32_t RankOf(RoleKind kind, std::int32_t index = 0) const;
  bool Plays(std::int32_t rank, RoleKind kind) const;
  /// Worker processes of the whole job.
  std::int32_t Workers() const;
};

/// Assigns the roles to `ranks` ranks; `cores` (of all hosts together) sizes `actors.workers:
/// auto`.
///
/// Rank 0 is coordinator and learner 0; every other learner has a rank of its own. Then, while
/// ranks last, student hosts (at most one for each group of students that label for one another,
/// ModelGraph::HostGroups), shards and actor hosts have ranks of their own; further ranks become
/// actor hosts. With fewer ranks they share: students move in with the learner, shards with an
/// actor host. Throws ConfigError when explicit numbers cannot be met (more actor hosts than ranks,
/// fewer workers than actor hosts, ranks left over, deterministic mode on several ranks, a
/// tolerance too small for the workers, a shard that no worker writes to).
RoleLayout MakeRoleLayout(const RunConfig& config, std::int32_t ranks, std::int32_t cores);

/// The same with what each rank was told to play: ranks of a kind are numbered in rank order, and
/// share students, shards and workers evenly. Without any wish it is the layout above. Throws
/// ConfigError, also when a needed role has no rank.
RoleLayout MakeRoleLayout(const RunConfig& config, const RoleWishes& wishes, std::int32_t cores);

}  // namespace stillhouse
