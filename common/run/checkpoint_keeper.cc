#include "common/run/checkpoint_keeper.h"

#include <algorithm>
#include <utility>

namespace stillhouse {
namespace {
constexpr RoleAddress kLearner{RoleKind::kLearner, 0};
}

CheckpointKeeper::CheckpointKeeper(std::uint16_t student_hosts,
                                   std::vector<std::uint16_t> host_of_student, std::uint16_t shards)
    : student_hosts_(student_hosts),
      host_of_student_(std::move(host_of_student)),
      shards_(shards) {}

void CheckpointKeeper::Remember(const std::vector<ModelPart>& parts, Time now) {
  for (const auto& part : parts) last_[part.model] = {part.bytes, now};
}

void CheckpointKeeper::Begin(Time now, RoleAddress self, Outbox& out) {
  if (Collecting()) return;
  stage_ = Stage::kOthers;
  since_ = now;
  answered_.clear();
  ++id_;
  for (const auto role : Others()) SendTo(out, self, role, CheckpointRequest{id_});
}

std::vector<RoleAddress> CheckpointKeeper::Others() const {
  std::vector<RoleAddress> roles;
  for (std::uint16_t host = 0; host < student_hosts_; ++host) {
    roles.push_back({RoleKind::kStudentHost, host});
  }
  for (std::uint16_t shard = 0; shard < shards_; ++shard) {
    roles.push_back({RoleKind::kShard, shard});
  }
  std::erase_if(roles, [this](RoleAddress role) { return down_.contains(role); });
  return roles;
}

void CheckpointKeeper::AskLearnerWhenDue(Time now, RoleAddress self, Outbox& out) {
  if (stage_ != Stage::kOthers) return;
  const auto others = Others();
  const bool complete = std::all_of(others.begin(), others.end(),
                                    [this](RoleAddress role) { return answered_.contains(role); });
  if (!complete && now - since_ < kAnswerLimit) return;
  stage_ = Stage::kLearner;
  SendTo(out, self, kLearner, CheckpointRequest{id_});
}

std::vector<RoleAddress> CheckpointKeeper::Awaited() const {
  if (stage_ == Stage::kLearner) return {kLearner};
  auto awaited = stage_ == Stage::kOthers ? Others() : std::vector<RoleAddress>{};
  std::erase_if(awaited, [this](RoleAddress role) { return answered_.contains(role); });
  return awaited;
}

void CheckpointKeeper::OnPart(CheckpointPart part, RoleAddress from, Time now) {
  for (const auto& model : part.models) {
    const bool teacher = from == kLearner && model.model == 0;
    const bool student = from.kind == RoleKind::kStudentHost && model.model > 0 &&
                         model.model <= host_of_student_.size() &&
                         host_of_student_[model.model - 1U] == from.index;
    if (!teacher && !student) {
      throw WireError(fmt::format("{}: a checkpoint's part of model {}, which is not its own",
                                  from.ToString(), model.model));
    }
  }
  // A late answer to an earlier request is still the newest state of its models.
  for (auto& model : part.models) last_[model.model] = {std::move(model.bytes), now};
  if (!Collecting() || part.id != id_) return;
  answered_.insert(from);
  if (from == kLearner) {
    updates_ = part.updates;
    samples_ = part.samples;
  }
}

void CheckpointKeeper::OnPart(ShardPart part, std::uint16_t shard) {
  if (shard >= shards_) {
    throw WireError(fmt::format("shard {}: a checkpoint's part, nobody asked for it", shard));
  }
  shard_parts_[shard] = std::move(part.bytes);
  if (Collecting() && part.id == id_) answered_.insert({RoleKind::kShard, shard});
}

std::optional<CheckpointKeeper::Collected> CheckpointKeeper::Take(Time now) {
  if (stage_ != Stage::kLearner || !answered_.contains(kLearner)) return std::nullopt;
  stage_ = Stage::kIdle;
  Collected collected{updates_, samples_, {}, {}, {}, shard_parts_, {}};
  for (std::uint16_t shard = 0; shard < shards_; ++shard) {
    const RoleAddress role{RoleKind::kShard, shard};
    if (!answered_.contains(role) && !down_.contains(role)) {
      collected.silent_shards.push_back(shard);
    }
  }
  for (std::uint16_t model = 0; model <= host_of_student_.size(); ++model) {
    const auto kept = last_.find(model);
    if (kept == last_.end()) {
      collected.missing.push_back(model);
      continue;
    }
    collected.models[model] = kept->second.bytes;
    const bool answered =
        model == 0 || answered_.contains({RoleKind::kStudentHost, host_of_student_[model - 1U]});
    if (!answered) collected.reused[model] = now - kept->second.since;
  }
  return collected;
}

}  // namespace stillhouse
