#include "learner/protocol/follower_role.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "learner/protocol/restored_learner.h"

namespace stillhouse::learner {
namespace {
constexpr RoleAddress kLead{RoleKind::kLearner, 0};
}

FollowerRole::FollowerRole(Settings settings, TeacherPort& port)
    : settings_(std::move(settings)),
      port_(port),
      source_({RoleKind::kLearner, settings_.index}, settings_.shards, settings_.replay,
              RowsOfEach(settings_.teacher.batch_size, settings_.learners)),
      ready_(!settings_.resuming) {}

void FollowerRole::Handle(const Envelope& envelope, Time, Outbox& out) {
  switch (envelope.kind) {
    case MessageKind::kSampleReply:
      source_.OnReply(envelope);
      break;
    case MessageKind::kBatchGrant:
      granted_ = std::max(granted_, DecodeBody<BatchGrant>(envelope).batches);
      break;
    case MessageKind::kGradientMean:
      OnMean(DecodeBody<GradientMean>(envelope));
      break;
    case MessageKind::kRestore:
      OnRestore(DecodeBody<Restore>(envelope));
      break;
    case MessageKind::kRankDown:
      for (const auto role : DecodeBody<RankDown>(envelope).roles) {
        // Draws that died are made again: learner 0 waits for a gradient of each.
        if (role.kind == RoleKind::kShard) drawn_ -= source_.OnShardDown(role.index);
      }
      break;
    case MessageKind::kRunStatus:
      break;  // learner 0 says when there is something to do
    case MessageKind::kLeave:
      left_ = true;
      SendTo(out, Address(), envelope.from, Left{});
      return;
    default:
      throw WireError(fmt::format("{}: unexpected {} from {}", Address().ToString(),
                                  MessageName(envelope.kind), envelope.from.ToString()));
  }
  Pump(out);
}

void FollowerRole::Tick(Time, Outbox& out) { Pump(out); }

void FollowerRole::Pump(Outbox& out) {
  if (failed_ || left_ || !ready_) return;
  const auto prefetch = static_cast<std::size_t>(settings_.teacher.prefetch);
  while (drawn_ < granted_ && source_.Held() < prefetch) {
    Rng rng(settings_.seed,
            (static_cast<std::uint64_t>(RngPurpose::kSampler) << 32U) | settings_.index, streams_);
    if (!source_.Request(rng, out)) break;
    ++streams_;
    ++drawn_;
  }
  if (computing_) return;
  auto batch = source_.Take();
  if (!batch) return;
  computing_ = true;
  TeacherJob job;
  job.kind = TeacherJob::Kind::kGradient;
  job.batch = std::move(*batch);
  port_.Submit(std::move(job));
}

void FollowerRole::OnMean(GradientMean mean) {
  if (!computing_ || mean.update != updates_) {
    throw WireError(fmt::format("{}: the mean gradient of update {} after {} updates",
                                Address().ToString(), mean.update, updates_));
  }
  TeacherJob job;
  job.kind = TeacherJob::Kind::kStep;
  job.gradient = std::move(mean.gradient);
  port_.Submit(std::move(job));
}

void FollowerRole::OnRestore(const Restore& restore) {
  updates_ = streams_ = LoadRestored(restore, ready_, Address(), port_).updates;
  ready_ = true;
}

void FollowerRole::OnDone(TeacherOutcome outcome, Time, Outbox& out) {
  if (!outcome.error.empty()) {
    failed_ = true;
    SendTo(out, Address(), kCoordinatorAddress,
           Failure{fmt::format("{}: {}", Address().ToString(), outcome.error)});
    return;
  }
  if (outcome.job.kind == TeacherJob::Kind::kGradient) {
    OnGradient(std::move(outcome), out);
  } else if (outcome.job.kind == TeacherJob::Kind::kStep) {
    ++updates_;
    computing_ = false;
  }
  Pump(out);
}

void FollowerRole::OnGradient(TeacherOutcome outcome, Outbox& out) {
  TeacherStep& step = outcome.step;
  const auto& batch = outcome.job.batch;
  if (settings_.replay.alpha != 0) source_.SendPriorities(batch, step.td_errors, out);
  SendTo(out, Address(), kLead,
         GradientShare{updates_, static_cast<std::uint32_t>(batch.Size()), step.loss, step.q_mean,
                       step.check, std::move(step.gradient)});
}

}  // namespace stillhouse::learner
