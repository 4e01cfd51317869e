#include "learner/protocol/student_role.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace stillhouse::learner {
namespace {
using namespace std::chrono_literals;
constexpr Time kReportEvery = 100ms;
/// Credits go back together, a quarter of the window or what has gathered in so much time.
constexpr std::uint32_t kCreditGroup = kCreditWindow / 4;
constexpr Time kCreditEvery = 10ms;
/// Running means span about this many batches.
constexpr double kMeanSpan = 200;
/// Batches between measurements of what parts of losses change; a prime, so that no rhythm of
/// rounds or target networks hides one side.
constexpr std::uint64_t kMeasureEvery = 251;
}  // namespace

StudentRole::StudentRole(Settings settings, StudentPort& port)
    : settings_(std::move(settings)),
      port_(port),
      before_(settings_.models.size(), 0),
      done_(settings_.models.size(), 0),
      stale_(settings_.models.size(), 0),
      relabelled_(settings_.models.size(), 0),
      restored_(!settings_.resuming),
      loss_mean_(settings_.models.size(), 0),
      agreement_mean_(settings_.models.size(), 0),
      age_mean_(settings_.models.size(), 0),
      age_max_(settings_.models.size(), 0),
      changes_(settings_.models.size()) {
  settings_.needs.resize(settings_.models.size());
}

void StudentRole::Handle(const Envelope& envelope, Time, Outbox& out) {
  switch (envelope.kind) {
    case MessageKind::kLabelledBatch:
      OnBatch(DecodeBody<LabelledBatch>(envelope));
      return;
    case MessageKind::kWeightsPublish:
      return OnTeacher(DecodeBody<WeightsPublish>(envelope));
    case MessageKind::kPinRequest:
      SubmitParameters(DecodeBody<PinRequest>(envelope).round);
      return;
    case MessageKind::kCheckpointRequest: {
      StudentJob job;
      job.kind = StudentJob::Kind::kSave;
      job.checkpoint = DecodeBody<CheckpointRequest>(envelope).id;
      port_.Submit(std::move(job));
      return;
    }
    case MessageKind::kRestore:
      OnRestore(DecodeBody<Restore>(envelope));
      return;
    case MessageKind::kFreeze:
      freezing_ = true;
      waiting_.clear();
      return;
    case MessageKind::kLeave:
      freezing_ = left_ = true;
      waiting_.clear();
      SendTo(out, Address(), envelope.from, Left{});
      return;
    case MessageKind::kRunStatus:
      return OnRunStatus(DecodeBody<RunStatus>(envelope));
    case MessageKind::kRankDown:  // it gets batches or it gets none
      return;
    default:
      throw WireError(fmt::format("{}: unexpected {} from {}", Address().ToString(),
                                  MessageName(envelope.kind), envelope.from.ToString()));
  }
}

void StudentRole::OnBatch(LabelledBatch batch) {
  if (freezing_) return;
  teacher_updates_ = std::max(teacher_updates_, batch.teacher_updates);
  waiting_.push_back(std::move(batch));
  SubmitNext();
}

void StudentRole::OnRunStatus(const RunStatus& status) {
  teacher_updates_ = std::max(teacher_updates_, status.updates);
  retention_.clear();
  for (const std::uint16_t model : settings_.models) {
    if (model < status.retention.size()) retention_.push_back(status.retention[model]);
  }
  if (retention_.size() != settings_.models.size()) retention_.clear();
}

std::uint64_t StudentRole::AgeOf(const LabelledBatch& batch, std::size_t student) const {
  const LabelNeeds& needs = settings_.needs[student];
  if (!needs.of_teacher) return 0;
  const OtherLabels* const other = batch.Others(needs.choice);
  const std::uint64_t made = other != nullptr ? other->teacher_updates : batch.teacher_updates;
  return teacher_updates_ - std::min(made, teacher_updates_);
}

void StudentRole::OnTeacher(WeightsPublish teacher) {
  if (teacher.model != 0) {
    throw WireError(fmt::format("{}: parameters of model {}, which is not the teacher",
                                Address().ToString(), teacher.model));
  }
  if (freezing_ || failed_) return;
  teacher_updates_ = std::max(teacher_updates_, teacher.updates);
  copy_updates_ = teacher.updates;
  StudentJob job;
  job.kind = StudentJob::Kind::kTeacher;
  job.teacher = std::move(teacher.parameters);
  port_.Submit(std::move(job));
}

// Jobs are done in order: a turn that counts on the copy comes behind the job that brought it.
void StudentRole::Decide(const LabelledBatch& batch, std::size_t k, StudentTurn& turn) const {
  const LabelNeeds& needs = settings_.needs[k];
  const auto most = static_cast<std::uint64_t>(needs.max_age);
  const auto stale = [&] { return most > 0 && turn.label_age[k] > most; };
  turn.label_age[k] = AgeOf(batch, k);
  const bool local = needs.place == LabelPlace::kLocal;
  if (needs.OwnCopy() && copy_updates_ && (local || stale())) {
    turn.relabel[k] = 1;
    turn.label_age[k] = teacher_updates_ - std::min(*copy_updates_, teacher_updates_);
  }
  const bool nothing = needs.OwnCopy() && local && !copy_updates_;
  turn.skip[k] = nothing || stale() || Waits(batch, k) ? 1 : 0;
}

StudentTurn StudentRole::TurnOf(const LabelledBatch& batch) const {
  const std::size_t students = settings_.models.size();
  StudentTurn turn;
  turn.retention = retention_;
  turn.label_age.assign(students, 0);
  turn.skip.assign(students, 0);
  turn.relabel.assign(students, 0);
  for (std::size_t k = 0; k < students; ++k) Decide(batch, k, turn);
  return turn;
}

void StudentRole::SubmitNext() {
  while (!freezing_ && !failed_ && jobs_ < depth_.Most() && !waiting_.empty()) {
    StudentJob job;
    job.batch = std::move(waiting_.front());
    job.turn = TurnOf(job.batch);
    job.turn.measure = submitted_++ % kMeasureEvery == 0;
    port_.Submit(std::move(job));
    waiting_.pop_front();
    ++jobs_;
  }
}

void StudentRole::SubmitParameters(std::uint32_t pin) {
  StudentJob job;
  job.kind = StudentJob::Kind::kParameters;
  job.pin = pin;
  port_.Submit(std::move(job));
}

void StudentRole::OnRestore(const Restore& restore) {
  if (restored_) throw WireError(Address().ToString() + ": a Restore after the start");
  StudentJob job;
  job.kind = StudentJob::Kind::kLoad;
  job.states.resize(settings_.models.size());
  for (const ModelPart& part : restore.models) {
    const auto found = std::find(settings_.models.begin(), settings_.models.end(), part.model);
    if (found == settings_.models.end()) {
      throw WireError(fmt::format("{}: a Restore of model {}, which lives elsewhere",
                                  Address().ToString(), part.model));
    }
    const auto k = static_cast<std::size_t>(found - settings_.models.begin());
    StudentState state = StudentState::Decode(part.bytes);
    before_[k] = state.updates;
    version_ = std::max(version_, state.version);
    loss_mean_[k] = state.loss_mean;
    agreement_mean_[k] = state.agreement_mean;
    job.states[k] = std::move(state.memory);
  }
  port_.Submit(std::move(job));
  restored_ = true;
}

void StudentRole::OnSaved(StudentOutcome outcome, Outbox& out) {
  CheckpointPart part{outcome.job.checkpoint, updates_, 0, {}};
  SH_CHECK(outcome.states.size() == settings_.models.size());
  for (std::size_t k = 0; k < settings_.models.size(); ++k) {
    const StudentState state{UpdatesOf(k), version_, loss_mean_[k], agreement_mean_[k],
                             std::move(outcome.states[k])};
    part.models.push_back({settings_.models[k], state.Encode()});
  }
  SendTo(out, Address(), kCoordinatorAddress, part);
}

void StudentRole::Tick(Time now, Outbox& out) {
  if (left_ || !restored_) return;
  if (!started_) {
    started_ = true;
    for (std::uint16_t l = 0; l < settings_.learners; ++l) {
      SendTo(out, Address(), {RoleKind::kLearner, l}, Credit{kCreditWindow, 0, 0});
    }
    SubmitParameters(0);
  }
  if (freezing_ && !frozen_ && jobs_ == 0) {
    frozen_ = true;
    Report(out);
    StudentJob job;
    job.kind = StudentJob::Kind::kParameters;
    job.final = true;
    port_.Submit(std::move(job));
  }
  if (now - last_report_ >= kReportEvery) {
    last_report_ = now;
    Report(out);
  }
}

void StudentRole::OnDone(StudentOutcome outcome, Time now, Outbox& out) {
  if (!outcome.error.empty()) {
    failed_ = true;
    SendTo(out, Address(), kCoordinatorAddress,
           Failure{fmt::format("{}: {}", Address().ToString(), outcome.error)});
    return;
  }
  switch (outcome.job.kind) {
    case StudentJob::Kind::kUpdate:
      depth_.OnDone(jobs_--, now);
      OnUpdated(outcome);
      ReturnCredits(now, out);
      return SubmitNext();
    case StudentJob::Kind::kParameters:
      return OnParameters(std::move(outcome), out);
    case StudentJob::Kind::kSave:
      return OnSaved(std::move(outcome), out);
    case StudentJob::Kind::kLoad:
    case StudentJob::Kind::kTeacher:
      return;
  }
}

void StudentRole::OnUpdated(const StudentOutcome& outcome) {
  ++updates_;
  SH_CHECK(outcome.steps.size() == settings_.models.size());
  const LabelledBatch& batch = outcome.job.batch;
  for (std::size_t k = 0; k < outcome.steps.size(); ++k) {
    const StudentStep& step = outcome.steps[k];
    if (step.skipped) {
      if (!Waits(batch, k)) ++stale_[k];
      continue;
    }
    if (step.waited) continue;
    ++done_[k];
    relabelled_[k] += outcome.job.turn.relabel.at(k);
    const double rate = 1.0 / std::min(kMeanSpan, static_cast<double>(UpdatesOf(k)));
    const std::uint64_t age = outcome.job.turn.label_age.at(k);
    loss_mean_[k] += rate * (step.loss - loss_mean_[k]);
    agreement_mean_[k] += rate * (step.agreement - agreement_mean_[k]);
    age_mean_[k] += rate * (static_cast<double>(age) - age_mean_[k]);
    age_max_[k] = std::max(age_max_[k], age);
    if (!step.changes.Empty()) changes_[k] = step.changes;
  }
  Credit& owed = owed_[batch.learner];
  owed = {owed.credits + 1, batch.sequence, batch.teacher_updates};
  // One publication carries all students of the host, so that a version is a moment of the host.
  if (updates_ % static_cast<std::uint64_t>(settings_.publish_every) == 0) {
    SubmitParameters(0);
  }
}

void StudentRole::ReturnCredits(Time now, Outbox& out) {
  const bool idle = jobs_ == 0 && waiting_.empty();
  const bool due = idle || now - last_credit_ >= kCreditEvery;
  for (auto& [learner, owed] : owed_) {
    if (owed.credits == 0 || (owed.credits < kCreditGroup && !due)) continue;
    SendTo(out, Address(), {RoleKind::kLearner, learner}, std::exchange(owed, {}));
    last_credit_ = now;
  }
}

void StudentRole::OnParameters(StudentOutcome outcome, Outbox& out) {
  ++version_;
  Pinned pinned{outcome.job.pin, {}};
  Frozen frozen;
  for (std::size_t k = 0; k < settings_.models.size(); ++k) {
    if (outcome.job.final) {
      frozen.models.push_back({settings_.models[k], version_, UpdatesOf(k), outcome.parameters[k]});
    }
    const WeightsPublish publish{settings_.models[k], version_, outcome.job.pin,
                                 std::move(outcome.parameters[k]), UpdatesOf(k)};
    for (std::uint16_t shard = 0; shard < settings_.shards; ++shard) {
      SendTo(out, Address(), {RoleKind::kShard, shard}, publish);
    }
    pinned.models.push_back({settings_.models[k], version_, UpdatesOf(k)});
  }
  if (outcome.job.pin != 0) SendTo(out, Address(), kCoordinatorAddress, pinned);
  if (outcome.job.final) SendTo(out, Address(), kCoordinatorAddress, frozen);
}

void StudentRole::Report(Outbox& out) {
  StudentReport report;
  for (std::size_t k = 0; k < settings_.models.size(); ++k) {
    report.students.push_back({settings_.models[k], UpdatesOf(k), version_, loss_mean_[k],
                               agreement_mean_[k], age_mean_[k], age_max_[k], stale_[k],
                               relabelled_[k], std::exchange(changes_[k], {})});
  }
  SendTo(out, Address(), kCoordinatorAddress, report);
}

}  // namespace stillhouse::learner
