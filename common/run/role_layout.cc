#include "common/run/role_layout.h"

#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "common/base/error.h"
#include "common/config/config_check.h"
#include "common/config/model_graph.h"

namespace stillhouse {
namespace {

/// How many ranks each kind has for itself, besides rank 0, which has learner 0.
struct RankGroups {
  std::int32_t students = 0;
  std::int32_t shards = 0;
  std::int32_t actors = 0;
};

/// Groups of students that need a host each at most.
std::vector<std::vector<std::size_t>> GroupsOf(const RunConfig& config) {
  return ModelGraph::Of(config).HostGroups();
}

/// Shares `spare` ranks (all but the learners'). A group that gets none lives with another.
RankGroups ShareRanks(const RunConfig& config, std::int32_t spare) {
  const auto students = static_cast<std::int32_t>(GroupsOf(config).size());
  RankGroups groups;
  const auto give = [&](std::int32_t& group, std::int32_t most) {
    const std::int32_t more = std::clamp(most - group, 0, spare);
    group += more;
    spare -= more;
  };
  give(groups.actors, 1);
  give(groups.students, std::min(1, students));
  give(groups.shards, 1);
  if (config.actors.hosts > 0) give(groups.actors, config.actors.hosts);
  give(groups.shards, config.replay.shards);
  give(groups.students, students);
  if (config.actors.hosts == 0) groups.actors += spare;
  return groups;
}

void CheckDeterministic(const RunConfig& config, std::int32_t ranks) {
  if (config.run.deterministic && ranks > 1) {
    throw ConfigError(
        fmt::format("run.deterministic: one process does everything, but the job has {} ranks; "
                    "start it without mpirun or with -n 1",
                    ranks));
  }
  if (config.run.deterministic && config.actors.shards_per_worker != 0) {
    throw ConfigError(
        "actors.shards_per_worker: the worker of a deterministic run writes to all shards; "
        "leave it auto");
  }
}

/// Every shard has a worker that writes to it: workers begin at one shard after the other and go on
/// to neighbours.
void CheckWrittenTo(const RunConfig& config, std::int32_t workers) {
  const std::int32_t each = config.actors.shards_per_worker;
  const std::int32_t shards = config.replay.shards;
  if (each == 0 || workers >= shards || workers + each > shards || LearnsFromStored(config)) return;
  throw ConfigError(fmt::format(
      "actors.shards_per_worker: {} workers that write to {} each leave some of the {} shards "
      "(replay.shards) without experience",
      workers, each, shards));
}

void CheckRanks(const RunConfig& config, std::int32_t ranks) {
  const std::int32_t hosts = config.actors.hosts;
  if (ranks < 1) throw ConfigError(fmt::format("{} ranks: at least one is needed", ranks));
  CheckDeterministic(config, ranks);
  if (hosts > ranks) {
    throw ConfigError(
        fmt::format("actors.hosts: {} hosts need {} ranks, the job has {}", hosts, hosts, ranks));
  }
  const auto students = static_cast<std::int32_t>(GroupsOf(config).size());
  const std::int32_t learners = config.teacher.learners;
  if (learners > ranks) {
    throw ConfigError(fmt::format("teacher.learners: {} learners need {} ranks, the job has {}",
                                  learners, learners, ranks));
  }
  const std::int32_t most = learners + students + config.replay.shards + hosts;
  if (hosts > 0 && ranks > most) {
    throw ConfigError(
        fmt::format("actors.hosts: {} leaves {} of {} ranks without a role; use "
                    "-n {}, more hosts, or auto",
                    hosts, ranks - most, ranks, most));
  }
}

void AssignStudents(const RunConfig& config, RoleLayout& layout, std::int32_t hosts) {
  layout.students_of_host.resize(static_cast<std::size_t>(hosts));
  const auto groups = GroupsOf(config);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    auto& of_host = layout.students_of_host[g % static_cast<std::size_t>(hosts)];
    for (const std::size_t s : groups[g]) of_host.push_back(static_cast<std::int32_t>(s));
  }
  for (auto& of_host : layout.students_of_host) std::sort(of_host.begin(), of_host.end());
}

void AssignWorkers(const RunConfig& config, RoleLayout& layout, std::int32_t hosts,
                   std::int32_t cores) {
  std::int32_t workers = config.actors.workers;
  if (workers == 0) {
    const std::int32_t busy =
        layout.Count(RoleKind::kLearner) + layout.Count(RoleKind::kStudentHost);
    // A deterministic run must not depend on the machine's cores.
    workers = config.run.deterministic ? 1 : std::max({1, hosts, cores - busy});
  }
  if (workers < hosts) {
    throw ConfigError(
        fmt::format("actors.workers: {} are fewer than the {} actor hosts", workers, hosts));
  }
  for (std::int32_t host = 0; host < hosts; ++host) {
    layout.workers_of_actor_host.push_back(workers / hosts + (host < workers % hosts ? 1 : 0));
  }
}

}  // namespace

std::int32_t RoleLayout::Count(RoleKind kind) const {
  std::int32_t count = 0;
  for (const auto& roles : ranks) {
    for (const RoleAddress& role : roles) count += role.kind == kind ? 1 : 0;
  }
  return count;
}

std::int32_t RoleLayout::RankOf(RoleKind kind, std::int32_t index) const {
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    for (const RoleAddress& role : ranks[rank]) {
      if (role.kind == kind && role.index == index) return static_cast<std::int32_t>(rank);
    }
  }
  SH_CHECK(false, "no {} {} in the layout", RoleName(kind), index);
}

bool RoleLayout::Plays(std::int32_t rank, RoleKind kind) const {
  const auto& roles = ranks.at(static_cast<std::size_t>(rank));
  return std::any_of(roles.begin(), roles.end(),
                     [&](const RoleAddress& role) { return role.kind == kind; });
}

std::int32_t RoleLayout::Workers() const {
  std::int32_t workers = 0;
  for (const std::int32_t of_host : workers_of_actor_host) workers += of_host;
  return workers;
}

RoleLayout MakeRoleLayout(const RunConfig& config, std::int32_t ranks, std::int32_t cores) {
  CheckRanks(config, ranks);
  const std::int32_t learners = config.teacher.learners;
  const RankGroups groups = ShareRanks(config, ranks - learners);
  RoleLayout layout;
  layout.ranks.resize(static_cast<std::size_t>(ranks));
  const auto add = [&](std::int32_t rank, RoleKind kind, std::int32_t index) {
    layout.ranks[static_cast<std::size_t>(rank)].push_back(
        {kind, static_cast<std::uint16_t>(index)});
  };
  add(0, RoleKind::kCoordinator, 0);
  for (std::int32_t learner = 0; learner < learners; ++learner) {
    add(learner, RoleKind::kLearner, learner);
  }

  // Student hosts follow the learners, then come the shards, then the actor hosts.
  const bool has_students = !config.students.empty();
  const std::int32_t student_hosts = has_students ? std::max(1, groups.students) : 0;
  for (std::int32_t host = 0; host < student_hosts; ++host) {
    add(groups.students == 0 ? 0 : learners + host, RoleKind::kStudentHost, host);
  }
  // Without ranks of their own shards live with the last rank's actor host (rank 0 when alone).
  const std::int32_t first_shard = groups.shards == 0 ? ranks - 1 : learners + groups.students;
  const std::int32_t shard_ranks = std::max(1, groups.shards);
  for (std::int32_t shard = 0; shard < config.replay.shards; ++shard) {
    add(first_shard + shard % shard_ranks, RoleKind::kShard, shard);
  }
  // Explicit hosts beyond their own ranks move in with shards, students and rank 0, in that order.
  const std::int32_t hosts =
      config.actors.hosts > 0 ? config.actors.hosts : std::max(1, groups.actors);
  for (std::int32_t host = 0; host < hosts; ++host) {
    add(ranks - hosts + host, RoleKind::kActorHost, host);
  }
  if (has_students) AssignStudents(config, layout, student_hosts);
  AssignWorkers(config, layout, hosts, cores);
  ResolveTolerance(config, layout.Workers());
  CheckWrittenTo(config, layout.Workers());
  return layout;
}

RoleLayout MakeRoleLayout(const RunConfig& config, const RoleWishes& wishes, std::int32_t cores) {
  const auto ranks = static_cast<std::int32_t>(wishes.size());
  if (NoWishes(wishes)) return MakeRoleLayout(config, ranks, cores);
  CheckWishes(config, wishes);
  CheckDeterministic(config, ranks);
  RoleLayout layout;
  layout.ranks.resize(wishes.size());
  layout.ranks[0].push_back(kCoordinatorAddress);
  const auto add = [&](RoleKind kind, std::int32_t count) {
    std::vector<std::size_t> players;
    for (std::size_t rank = 0; rank < wishes.size(); ++rank) {
      const auto& roles = wishes[rank];
      if (std::find(roles.begin(), roles.end(), kind) != roles.end()) players.push_back(rank);
    }
    // count 0: one on every rank that plays it.
    const std::size_t total = count > 0 ? static_cast<std::size_t>(count) : players.size();
    for (std::size_t i = 0; i < total; ++i) {
      layout.ranks[players[i % players.size()]].push_back({kind, static_cast<std::uint16_t>(i)});
    }
  };
  add(RoleKind::kLearner, config.teacher.learners);
  add(RoleKind::kStudentHost, 0);
  add(RoleKind::kShard, config.replay.shards);
  add(RoleKind::kActorHost, 0);
  const std::int32_t student_hosts = layout.Count(RoleKind::kStudentHost);
  if (student_hosts > 0) AssignStudents(config, layout, student_hosts);
  AssignWorkers(config, layout, layout.Count(RoleKind::kActorHost), cores);
  ResolveTolerance(config, layout.Workers());
  CheckWrittenTo(config, layout.Workers());
  return layout;
}

}  // namespace stillhouse
