// What the coordinator does when a process of the job is gone for good: who can be done without is
// counted, named and left behind; without the others the run ends, resumable.
#include <algorithm>

#include "common/run/coordinator.h"

namespace stillhouse {
namespace {
/// With no actor host left somebody from outside may still join; nobody waits longer for that.
constexpr Time kNoWorkersLimit = std::chrono::seconds(60);
}  // namespace

void Coordinator::OnRankDown(const RankDown& down, Time now, Outbox& out) {
  for (const auto role : down.roles) dead_.insert(role);
  progress_.OnRankDown(down.rank);
  if (step_ == Step::kLeaving) return;
  if (!settings_.survivors_live) {
    return Fail(fmt::format("{} died: {}; the run can be resumed from its last checkpoint",
                            down.Who(), down.reason));
  }
  recorder_.OnNote(fmt::format("{} died: {}", down.Who(), down.reason));
  for (const auto role : down.roles) {
    switch (role.kind) {
      case RoleKind::kCoordinator:
      case RoleKind::kLearner:
        return Fail(
            fmt::format("{} died, and nothing can be learnt without it: {}; the run can be resumed "
                        "from its last checkpoint",
                        down.Who(), down.reason));
      case RoleKind::kShard:
        OnShardDown(role.index, down);
        break;
      case RoleKind::kStudentHost:
        OnStudentHostDown(role.index, down, out);
        break;
      case RoleKind::kActorHost:
        progress_.OnHostDown(role.index);
        losses_ += fmt::format("{} died; ", down.Who());
        recorder_.OnNote(fmt::format("actor host {} is gone with its workers; {} of {} are left",
                                     role.index, Living(RoleKind::kActorHost),
                                     settings_.actor_hosts));
        break;
    }
  }
  if (outcome_.failed) return;
  for (const auto role : Everyone()) SendTo(out, Address(), role, down);
  Broadcast(now, out);
}

void Coordinator::OnShardDown(std::uint16_t shard, const RankDown& down) {
  const std::uint64_t lost = progress_.OnShardDown(shard);
  dead_shards_.push_back(shard);
  if (step_ == Step::kRefilling) LetRefill();
  checkpoints_.OnDown({RoleKind::kShard, shard});
  evaluation_.OnShardDown(shard);
  const std::size_t left = Living(RoleKind::kShard);
  if (left == 0 || endpoints_.at(shard).empty()) {
    return Fail(fmt::format("{} died with {} transitions, and {}", down.Who(), lost,
                            left == 0 ? "no shard is left" : "before it listened"));
  }
  const std::string loss =
      fmt::format("{} died: {} transitions {}", down.Who(), lost,
                  KeepsStore() ? "are out of reach until the run is resumed" : "lost");
  losses_ += loss + "; ";
  recorder_.OnNote(
      fmt::format("{}; training goes on with {} of {} shards", loss, left, settings_.shards));
}

void Coordinator::OnStudentHostDown(std::uint16_t host, const RankDown& down, Outbox& out) {
  checkpoints_.OnDown({RoleKind::kStudentHost, host});
  evaluation_.OnPublisherDown({RoleKind::kStudentHost, host}, Address(), out);
  for (std::size_t i = 0; i < settings_.config.students.size(); ++i) {
    if (settings_.host_of_student[i] != host) continue;
    const auto& name = settings_.config.students[i].name;
    losses_ += fmt::format("student {} died with {}; ", name, down.Who());
    recorder_.OnNote(
        fmt::format("student {} is gone after {} updates; everyone else goes on, and a resumed run "
                    "has it again",
                    name, progress_.StudentUpdates(i)));
  }
}

void Coordinator::FailWithoutWorkers(Time now) {
  const bool hosts_left = settings_.actor_hosts == 0 || Living(RoleKind::kActorHost) > 0;
  if (hosts_left || progress_.WorkersAlive() > 0) {
    workers_seen_ = now;
  } else if (now - workers_seen_ > kNoWorkersLimit && step_ != Step::kLeaving) {
    Fail(fmt::format("every actor host died, and no worker has joined from outside for {:.0f} s",
                     Seconds(kNoWorkersLimit)));
  }
}

std::size_t Coordinator::Living(RoleKind kind) const {
  const auto everyone = Everyone();
  return static_cast<std::size_t>(std::count_if(
      everyone.begin(), everyone.end(), [kind](RoleAddress role) { return role.kind == kind; }));
}

bool Coordinator::StudentsFrozen() const {
  const auto everyone = Everyone();
  return std::all_of(everyone.begin(), everyone.end(), [this](RoleAddress role) {
    return role.kind != RoleKind::kStudentHost || frozen_.contains(role);
  });
}

bool Coordinator::AllHaveLeft() const {
  const auto everyone = Everyone();
  return std::all_of(everyone.begin(), everyone.end(),
                     [this](RoleAddress role) { return left_.contains(role); });
}

std::vector<std::uint64_t> Coordinator::LivingGrants(std::uint64_t allowance) const {
  // What a dead shard was granted and has not stored is free for the others.
  std::vector<std::uint64_t> inserted;
  std::vector<std::uint64_t> granted;
  for (std::uint16_t shard = 0; shard < settings_.shards; ++shard) {
    if (dead_.contains({RoleKind::kShard, shard})) {
      allowance -= std::min(allowance, progress_.Inserted(shard));
      continue;
    }
    inserted.push_back(progress_.Inserted(shard));
    granted.push_back(insert_granted_[shard]);
  }
  const auto shared = ShareOut(allowance, inserted, granted);
  std::vector<std::uint64_t> grants = insert_granted_;
  std::size_t next = 0;
  for (std::uint16_t shard = 0; shard < settings_.shards; ++shard) {
    if (!dead_.contains({RoleKind::kShard, shard})) grants[shard] = shared[next++];
  }
  return grants;
}

std::vector<RoleAddress> Coordinator::Everyone() const {
  std::vector<RoleAddress> roles;
  const auto add = [&roles](RoleKind kind, std::uint16_t count) {
    for (std::uint16_t i = 0; i < count; ++i) roles.push_back({kind, i});
  };
  add(RoleKind::kLearner, settings_.learners);
  add(RoleKind::kStudentHost, settings_.student_hosts);
  add(RoleKind::kShard, settings_.shards);
  add(RoleKind::kActorHost, settings_.actor_hosts);
  std::erase_if(roles, [this](RoleAddress role) { return dead_.contains(role); });
  return roles;
}

}  // namespace stillhouse
