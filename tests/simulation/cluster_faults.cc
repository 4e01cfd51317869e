// What the schedule does to a cluster, and what must be so at its end; the rest is in cluster.cc.
#include <algorithm>
#include <deque>

#include "tests/simulation/cluster.h"

namespace stillhouse::simulation {

void Cluster::StopStudent(std::uint16_t host) {
  Node& node = nodes_.at({RoleKind::kStudentHost, host});
  if (node.stopped) return;
  world_.Note(fmt::format("student host {} is stopped", host));
  node.stopped = true;
  ++stopped_;
}

void Cluster::ContinueRole(RoleAddress role) {
  Node& node = nodes_.at(role);
  if (!node.stopped) return;
  world_.Note(role.ToString() + " is continued");
  node.stopped = false;
  --stopped_;
  // What came meanwhile is there at once, in order.
  std::deque<std::function<void()>> held;
  held.swap(node.held);
  if (node.dead) return;
  for (const auto& come : held) come();
}

void Cluster::PauseRank(std::size_t rank) {
  for (const auto role : job_.layout.ranks[rank]) {
    Node& node = nodes_.at(role);
    if (node.stopped) continue;
    world_.Note(role.ToString() + " is paused");
    node.stopped = true;
    ++stopped_;
  }
}

void Cluster::ContinueRank(std::size_t rank) {
  for (const auto role : job_.layout.ranks[rank]) ContinueRole(role);
}

void Cluster::LeapClock(std::size_t rank, Time by) {
  if (rank >= Ranks()) return processes_.LeapClock(by);
  world_.Note(fmt::format("the clock of rank {} leaps ahead by {:.3f} s", rank, Seconds(by)));
  clocks_[rank] += by;
  for (const auto role : job_.layout.ranks[rank]) nodes_.at(role).leapt = true;
}

void Cluster::OnContinueRank(std::uint32_t rank) {
  for (const auto role : job_.layout.ranks.at(rank)) {
    if (role.kind == RoleKind::kStudentHost) {
      students_.at(role.index).left_out |= nodes_.at(role).stopped;
    }
    // A signal takes a moment, and it is not the coordinator that runs then.
    world_.events.After(world_.Latency(), [this, role] { ContinueRole(role); });
  }
}

std::uint16_t Cluster::HostOf(std::uint16_t model) const {
  for (std::uint16_t host = 0; host < job_.StudentHosts(); ++host) {
    const auto served = job_.StudentsOf(host);
    if (std::find(served.begin(), served.end(), model - 1U) != served.end()) return host;
  }
  return 0;
}

void Cluster::Die(RoleAddress role) {
  world_.Note("kill -9 of " + role.ToString());
  nodes_.at(role).dead = true;
  if (role.kind == RoleKind::kShard) shards_.at(role.index)->TearLog();
  messages_.DropOf(role, Fault::kShardKilled);
  if (role.kind == RoleKind::kActorHost) processes_.KillAllOf(*actors_.at(role.index).launcher);
  if (role.kind != RoleKind::kShard) return;
  for (const auto& [wire, owner] : shard_of_wire_) {
    if (owner == role.index) wires_.Die(wire, Side::kShard, Fault::kShardKilled);
  }
}

void Cluster::KillShard(std::uint16_t shard) { Die(shards_[shard]->Address()); }

bool Cluster::CanDoWithout(std::size_t rank) const {
  std::map<RoleKind, int> left;
  for (const auto& [address, node] : nodes_) {
    if (!node.dead && node.rank != rank) ++left[address.kind];
  }
  // Without one of its learners there is no gradient of an update: the run fails, as it should.
  return left[RoleKind::kLearner] == Learners() && left[RoleKind::kShard] > 0 &&
         left[RoleKind::kActorHost] > 0;
}

bool Cluster::KillRank() {
  if (!recorder_.Listening()) return false;
  const std::size_t rank = 1 + world_.rng.Below(Ranks() - 1);
  if (!CanDoWithout(rank)) return false;
  RankDown down{static_cast<std::uint32_t>(rank), "simulated", "its process is gone",
                job_.layout.ranks[rank]};
  for (const auto role : down.roles) Die(role);
  learner_unaware_ = true;
  world_.events.After(
      world_.Between(std::chrono::milliseconds(10), std::chrono::seconds(2)), [this, down] {
        death_to_be_named_ = coordinator_.Phase() != RunPhase::kEnd;
        ByteWriter body;
        down.Encode(body);
        Deliver({kCoordinatorAddress, kCoordinatorAddress, RankDown::kKind, body.Take()});
      });
  return true;
}

void Cluster::KillAll() {
  world_.Note("kill -9 of the whole job");
  messages_.DropAll(Fault::kJobKilled);
  wires_.DropAll(Fault::kJobKilled);
}

void Cluster::CloseLogs() {
  for (const auto& shard : shards_) {
    if (!nodes_.at(shard->Address()).dead) shard->CloseLog();
  }
}

std::int64_t Cluster::JoinGuest() {
  // As the worker's driver draws it: from a range that no planned worker has.
  const auto index = static_cast<std::uint32_t>(world_.rng() | 0x80000000U);
  return processes_.Join(index, shards_.size(), job_.token);
}

void Cluster::CheckEnd(bool may_fail) {
  const auto& outcome = coordinator_.Result();
  if (outcome.failed && !may_fail) world_.Violation("the run failed: " + outcome.reason);
  for (const auto& role : outcome.unanswered) world_.Violation(role + " did not leave");
  if (processes_.Alive() > 0) {
    world_.Violation(fmt::format("{} workers live on", processes_.Alive()));
  }
  evaluation_.OnEnd(coordinator_.Scores());
  if (outcome.preempted || outcome.failed) return;
  if (death_to_be_named_ && outcome.reason.find("died") == std::string::npos) {
    world_.Violation("a death is not named at the end: " + outcome.reason);
  }
  if (recorder_.LastBoardPhase() != "final") world_.Violation("there is no final scoreboard");
  // A teacher that was frozen before the death is not thawed for items that had not been kept.
  const bool was_frozen = job_.resume && job_.resume->coordinator.frozen_at > Time{};
  if (!was_frozen && recorder_.Frames() < static_cast<std::uint64_t>(*job_.config.stop.frames)) {
    world_.Violation(fmt::format("the run ended after {} frames", recorder_.Frames()));
  }
  for (const auto& follower : followers_) {
    if (follower->compute.Parameters() != teacher_.Parameters()) {
      world_.Violation(fmt::format("{} has {} updates, learner 0 {}, or learnt something else",
                                   follower->role->Address().ToString(), follower->role->Updates(),
                                   learner_.Updates()));
    }
  }
  const auto models = static_cast<std::uint16_t>(job_.networks.size());
  for (std::uint16_t model = 0; model < models; ++model) {
    const auto found = recorder_.Finals().find(model);
    if (found == recorder_.Finals().end()) {
      // A student host that is stopped or dead is left out of the end; nobody else.
      const bool dead = model > 0 && nodes_.at({RoleKind::kStudentHost, HostOf(model)}).dead;
      const bool excused = dead || (model > 0 && students_.at(HostOf(model)).left_out);
      if (!excused) world_.Violation(fmt::format("model {} has no end", model));
      continue;
    }
    const FinalModel& final = found->second;
    if (final.parameters.at(0) != static_cast<float>(final.updates)) {
      world_.Violation(fmt::format("model {}: {} updates are counted, its parameters have {}",
                                   model, final.updates, final.parameters.at(0)));
    }
  }
}

}  // namespace stillhouse::simulation
