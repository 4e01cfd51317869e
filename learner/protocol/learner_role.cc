#include "learner/protocol/learner_role.h"

#include <algorithm>
#include <chrono>

#include "common/base/error.h"
#include "learner/protocol/follower_role.h"
#include "learner/protocol/restored_learner.h"

namespace stillhouse::learner {
namespace {
using namespace std::chrono_literals;
/// Often, because the rate limiter sees samples through these reports.
constexpr Time kReportEvery = 20ms;
/// Rounds under way or just over, whose result is not known yet.
constexpr std::size_t kMaxPins = 3;
/// Running means span about this many updates.
constexpr double kMeanSpan = 500;
}  // namespace

LearnerRole::LearnerRole(Settings settings, TeacherPort& port)
    : settings_(std::move(settings)),
      port_(port),
      source_({RoleKind::kLearner, 0}, settings_.shards, settings_.replay,
              RowsOfEach(settings_.teacher.batch_size, settings_.learners)),
      rng_(MakeRng(settings_.seed, RngPurpose::kSampler)),
      labels_({RoleKind::kLearner, 0}, settings_.student_hosts, settings_.num_actions,
              {settings_.label_truths ||
                   settings_.teacher.algorithm.kind == AlgorithmSettings::Kind::kSupervised,
               settings_.label_rewards}),
      lead_(settings_.learners),
      restored_(!settings_.resuming) {}

void LearnerRole::Handle(const Envelope& envelope, Time now, Outbox& out) {
  switch (envelope.kind) {
    case MessageKind::kSampleReply:
      source_.OnReply(envelope);
      break;
    case MessageKind::kGradientShare:
      lead_.OnShare(envelope.from.index, DecodeBody<GradientShare>(envelope));
      StepWhenJoined(out);
      break;
    case MessageKind::kSampleGrant:
      allowance_ = std::max(allowance_, DecodeBody<SampleGrant>(envelope).allowance);
      break;
    case MessageKind::kCredit:
      labels_.OnCredit(DecodeBody<Credit>(envelope), envelope.from.index, now);
      break;
    case MessageKind::kPinRequest:
      SubmitParameters(DecodeBody<PinRequest>(envelope).round);
      break;
    case MessageKind::kFreeze:
      if (stage_ == Stage::kTrain) stage_ = Stage::kFreezing;
      break;
    case MessageKind::kRunStatus:
      OnRunStatus(DecodeBody<RunStatus>(envelope));
      break;
    case MessageKind::kCheckpointRequest:
      SubmitSave(DecodeBody<CheckpointRequest>(envelope).id);
      break;
    case MessageKind::kRestore:
      OnRestore(DecodeBody<Restore>(envelope));
      break;
    case MessageKind::kRankDown:
      OnRankDown(DecodeBody<RankDown>(envelope));
      break;
    case MessageKind::kLeave:
      stage_ = Stage::kLeft;
      source_.Clear();
      SendTo(out, Address(), envelope.from, Left{});
      return;
    default:
      throw WireError(fmt::format("{}: unexpected {} from {}", Address().ToString(),
                                  MessageName(envelope.kind), envelope.from.ToString()));
  }
  Pump(out);
}

void LearnerRole::Tick(Time now, Outbox& out) {
  if (stage_ == Stage::kLeft) return;
  if (!restored_) return;
  if (!started_) {
    started_ = true;
    SubmitParameters(0);  // version 1: actors need weights before the first update
  }
  Pump(out);
  if (now - last_report_ >= kReportEvery) Report(now, out);
}

void LearnerRole::Pump(Outbox& out) {
  if (failed_ || !restored_ || stage_ == Stage::kLeft || stage_ == Stage::kIdle) return;
  BeginFreezeWhenIdle();
  RequestBatches(out);
  SubmitBatches();
}

void LearnerRole::RequestBatches(Outbox& out) {
  // A run that is resumed in its tail fills its store first: the phase says when that is over.
  const bool tail = stage_ == Stage::kTail && phase_ == RunPhase::kTail && labels_.Hosts() > 0;
  blocked_ = false;
  if (stage_ != Stage::kTrain && !tail) return;
  const auto rows = static_cast<std::uint64_t>(settings_.teacher.batch_size);
  const auto prefetch = static_cast<std::size_t>(settings_.teacher.prefetch);
  // A few at a time: shards wake once for all of them.
  if (source_.Held() > prefetch - std::max<std::size_t>(1, prefetch / 4)) return;
  const std::uint64_t before = batches_;
  while (source_.Held() < prefetch) {
    const bool counted = redraws_ > 0;  // with the draw that this one stands for
    if (!tail && !counted && samples_ + rows > allowance_) {
      blocked_ = source_.Held() == 0;
      break;
    }
    if (!source_.Request(rng_, out)) break;
    if (!tail && !counted) samples_ += rows;
    if (!tail && !counted) ++batches_;
    if (counted) --redraws_;
  }
  if (batches_ > before) lead_.Grant(batches_, out);
}

void LearnerRole::SubmitBatches() {
  while (jobs_ < (lead_.Alone() ? depth_.Most() : 1) && source_.HasBatch()) {
    TeacherJob job;
    if (stage_ == Stage::kTrain) {
      job.kind = lead_.Alone() ? TeacherJob::Kind::kUpdate : TeacherJob::Kind::kGradient;
    } else if (stage_ == Stage::kTail &&
               labels_.MostCredits() > static_cast<std::uint32_t>(jobs_)) {
      job.kind = TeacherJob::Kind::kLabel;
    } else {
      return;
    }
    job.batch = *source_.Take();
    ++jobs_;
    const bool update = job.kind == TeacherJob::Kind::kUpdate;
    port_.Submit(std::move(job));
    if (update) CountSubmitted();
  }
}

// Right behind its update in the queue: a version is exactly so many updates old.
void LearnerRole::CountSubmitted() {
  if (++submitted_ % static_cast<std::uint64_t>(settings_.teacher.publish_every) == 0) {
    SubmitParameters(0);
  }
}

void LearnerRole::StepWhenJoined(Outbox& out) {
  if (!own_) return;
  std::optional<GradientLead::Joined> joined;
  try {
    joined = lead_.Join(updates_, out);
  } catch (const NumericError& error) {
    failed_ = true;
    SendTo(out, Address(), kCoordinatorAddress, Failure{error.what()});
  }
  if (!joined) return;
  own_->step.loss = joined->loss;
  own_->step.q_mean = joined->q_mean;
  joined_rows_ = joined->rows;
  TeacherJob job;
  job.kind = TeacherJob::Kind::kStep;
  job.gradient = std::move(joined->gradient);
  port_.Submit(std::move(job));
  CountSubmitted();
}

void LearnerRole::SubmitParameters(std::uint32_t pin) {
  TeacherJob job;
  job.kind = TeacherJob::Kind::kParameters;
  job.pin = pin;
  port_.Submit(std::move(job));
}

void LearnerRole::SubmitSave(std::uint64_t checkpoint) {
  TeacherJob job;
  job.kind = TeacherJob::Kind::kSave;
  job.checkpoint = checkpoint;
  port_.Submit(std::move(job));
}

void LearnerRole::OnRunStatus(const RunStatus& status) {
  phase_ = std::max(phase_, status.phase);
  if (stage_ == Stage::kTail && phase_ >= RunPhase::kFinal) {
    stage_ = Stage::kIdle;
    source_.Clear();
  }
  KeepBest(status.best_round);
}

// Told again and again: what was pinned for it is there the first time only.
void LearnerRole::KeepBest(std::uint32_t round) {
  const auto pin = pins_.find(round);
  if (pin == pins_.end() || failed_ || stage_ != Stage::kTrain) return;
  TeacherJob job;
  job.kind = TeacherJob::Kind::kKeepBest;
  job.best = std::move(pin->second.parameters);
  job.best_updates = pin->second.updates;
  pins_.erase(pins_.begin(), std::next(pin));
  port_.Submit(std::move(job));
}

void LearnerRole::OnRestore(const Restore& restore) {
  const LearnerState state = LoadRestored(restore, restored_, Address(), port_);
  submitted_ = updates_ = state.updates;
  samples_ = consumed_ = state.samples;
  version_ = state.version;
  tail_batches_ = state.tail_batches;
  loss_mean_ = state.loss_mean;
  q_mean_ = state.q_mean;
  grad_norm_mean_ = state.grad_norm_mean;
  rng_.Restore(state.sampler);
  restored_ = true;
  if (!state.frozen) return;
  // The parameters are the final ones already: freezing again only hands them out.
  stage_ = Stage::kFreezing;
  freeze_submitted_ = true;
  TeacherJob freeze;
  freeze.kind = TeacherJob::Kind::kFreeze;
  freeze.final = FinalTeacher::kLast;
  port_.Submit(std::move(freeze));
}

void LearnerRole::OnRankDown(const RankDown& down) {
  for (const auto role : down.roles) {
    if (role.kind == RoleKind::kStudentHost) labels_.HostDown(role.index);
    if (role.kind != RoleKind::kShard || role.index >= settings_.shards) continue;
    const std::size_t forgotten = source_.OnShardDown(role.index);
    if (stage_ == Stage::kTrain) redraws_ += forgotten;
  }
}

// Outcomes come in the order of submission: the counters are those of this very state.
void LearnerRole::OnSaved(TeacherOutcome outcome, Outbox& out) {
  SH_CHECK(outcome.state.has_value());
  const bool frozen = stage_ == Stage::kTail || stage_ == Stage::kIdle;
  const LearnerState state{
      updates_,   consumed_, version_,        tail_batches_, frozen,
      loss_mean_, q_mean_,   grad_norm_mean_, rng_.Save(),   std::move(*outcome.state)};
  SendTo(out, Address(), kCoordinatorAddress,
         CheckpointPart{outcome.job.checkpoint, updates_, consumed_, {{0, state.Encode()}}});
}

void LearnerRole::BeginFreezeWhenIdle() {
  if (stage_ != Stage::kFreezing || freeze_submitted_ || jobs_ > 0) return;
  freeze_submitted_ = true;
  TeacherJob job;
  job.kind = TeacherJob::Kind::kFreeze;
  const bool learnt = settings_.teacher.algorithm.kind != AlgorithmSettings::Kind::kFrozen;
  job.final = learnt ? settings_.teacher.final : FinalTeacher::kLast;
  port_.Submit(std::move(job));
}

void LearnerRole::OnDone(TeacherOutcome outcome, Time now, Outbox& out) {
  if (!outcome.error.empty()) {
    failed_ = true;
    SendTo(out, Address(), kCoordinatorAddress,
           Failure{fmt::format("{}: {}", Address().ToString(), outcome.error)});
    return;
  }
  switch (outcome.job.kind) {
    case TeacherJob::Kind::kUpdate:
      depth_.OnDone(jobs_--, now);
      consumed_ += outcome.job.batch.Size();
      OnUpdated(std::move(outcome), out);
      break;
    case TeacherJob::Kind::kGradient:
      OnGradient(std::move(outcome), out);
      break;
    case TeacherJob::Kind::kStep: {
      --jobs_;
      consumed_ += joined_rows_;
      own_->step.grad_norm = outcome.step.grad_norm;
      TeacherOutcome own = std::move(*own_);
      own_.reset();
      OnUpdated(std::move(own), out);
      break;
    }
    case TeacherJob::Kind::kLabel:
      --jobs_;
      ++tail_batches_;
      labels_.Publish(outcome.job.batch,
                      {std::move(outcome.step.labels), std::move(outcome.step.extras), true,
                       updates_, version_},
                      out);
      break;
    case TeacherJob::Kind::kParameters:
      OnParameters(std::move(outcome), out);
      break;
    case TeacherJob::Kind::kSave:
      OnSaved(std::move(outcome), out);
      break;
    case TeacherJob::Kind::kLoad:
    case TeacherJob::Kind::kKeepBest:
      break;
    case TeacherJob::Kind::kFreeze: {
      Frozen frozen{{{0, version_ + 1, updates_, outcome.parameters}}};
      OnParameters(std::move(outcome), out);
      stage_ = Stage::kTail;
      Report(now, out);
      SendTo(out, Address(), kCoordinatorAddress, frozen);
      break;
    }
  }
  Pump(out);
}

void LearnerRole::OnGradient(TeacherOutcome outcome, Outbox& out) {
  TeacherStep& step = outcome.step;
  lead_.OnShare(0, {updates_, static_cast<std::uint32_t>(outcome.job.batch.Size()), step.loss,
                    step.q_mean, step.check, std::move(step.gradient)});
  own_ = std::move(outcome);
  StepWhenJoined(out);
}

void LearnerRole::OnUpdated(TeacherOutcome outcome, Outbox& out) {
  ++updates_;
  TeacherStep& step = outcome.step;
  const double rate = 1.0 / std::min(kMeanSpan, static_cast<double>(updates_));
  loss_mean_ += rate * (step.loss - loss_mean_);
  q_mean_ += rate * (step.q_mean - q_mean_);
  grad_norm_mean_ += rate * (step.grad_norm - grad_norm_mean_);
  // With exponent 0 every priority is 1 and stays so.
  if (settings_.replay.alpha != 0) source_.SendPriorities(outcome.job.batch, step.td_errors, out);
  if (labels_.Hosts() > 0) {
    labels_.Publish(outcome.job.batch,
                    {std::move(step.labels), std::move(step.extras), false, updates_, version_},
                    out);
  }
}

void LearnerRole::OnParameters(TeacherOutcome outcome, Outbox& out) {
  ++version_;
  if (settings_.keep_best && outcome.job.pin != 0 && stage_ == Stage::kTrain) {
    pins_[outcome.job.pin] = {updates_, outcome.parameters};
    if (pins_.size() > kMaxPins) pins_.erase(pins_.begin());
  }
  const WeightsPublish publish{0, version_, outcome.job.pin, std::move(outcome.parameters),
                               updates_};
  for (const std::uint16_t host : settings_.copies_to) {
    SendTo(out, Address(), {RoleKind::kStudentHost, host}, publish);
  }
  for (std::uint16_t shard = 0; shard < settings_.shards; ++shard) {
    SendTo(out, Address(), {RoleKind::kShard, shard}, publish);
  }
  if (outcome.job.pin != 0) {
    SendTo(out, Address(), kCoordinatorAddress, Pinned{outcome.job.pin, {{0, version_, updates_}}});
  }
}

LearnerWait LearnerRole::Wait() const {
  if (!restored_) return LearnerWait::kRestore;
  if (own_ && !lead_.Missing().empty()) return LearnerWait::kGradients;
  if (jobs_ > 0) return LearnerWait::kCompute;
  if (stage_ == Stage::kIdle || stage_ == Stage::kLeft) return LearnerWait::kIdle;
  if (stage_ == Stage::kFreezing) return LearnerWait::kCompute;
  if (stage_ == Stage::kTail && labels_.MostCredits() == 0) return LearnerWait::kCredits;
  if (blocked_) return LearnerWait::kGrant;
  if (source_.AwaitsReplies()) return LearnerWait::kReplies;
  return source_.KnowsOfItems() ? LearnerWait::kNothing : LearnerWait::kEmptyStore;
}

void LearnerRole::Report(Time now, Outbox& out) {
  last_report_ = now;
  LearnerReport report;
  report.updates = updates_;
  report.samples = samples_;
  report.tail_batches = tail_batches_;
  report.version = version_;
  report.loss = loss_mean_;
  report.q_mean = q_mean_;
  report.grad_norm = grad_norm_mean_;
  report.sample_blocked = blocked_;
  report.wait = Wait();
  if (report.wait == LearnerWait::kReplies) report.owing_shards = source_.Owing();
  if (report.wait == LearnerWait::kGradients) report.owing_learners = lead_.Missing();
  for (std::size_t host = 0; host < labels_.Hosts(); ++host) {
    report.dropped.push_back(labels_.Dropped(host));
    report.lag_updates.push_back(labels_.Lag(host, updates_));
    report.silent_ms.push_back(static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(labels_.Silence(host, now)).count()));
  }
  SendTo(out, Address(), kCoordinatorAddress, report);
}

}  // namespace stillhouse::learner
