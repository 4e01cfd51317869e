#include "learner/protocol/student_role.h"

#include <algorithm>
#include <chrono>

namespace stillhouse::learner {
namespace {
using namespace std::chrono_literals;
constexpr Time kReportEvery = 100ms;
/// Two jobs under way keep the compute thread busy across the hand-over.
constexpr std::int32_t kMaxJobs = 2;
/// Running means span about this many batches.
constexpr double kMeanSpan = 200;
}  // namespace

StudentRole::StudentRole(Settings settings, StudentPort& port)
    : settings_(std::move(settings)),
      port_(port),
      loss_mean_(settings_.models.size(), 0),
      agreement_mean_(settings_.models.size(), 0) {}

void StudentRole::Handle(const Envelope& envelope, Time, Outbox& out) {
  switch (envelope.kind) {
    case MessageKind::kLabelledBatch:
      OnBatch(DecodeBody<LabelledBatch>(envelope));
      return;
    case MessageKind::kPinRequest:
      SubmitParameters(DecodeBody<PinRequest>(envelope).round);
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
      return;
    default:
      throw WireError(fmt::format("{}: unexpected {} from {}", Address().ToString(),
                                  MessageName(envelope.kind), envelope.from.ToString()));
  }
}

void StudentRole::OnBatch(LabelledBatch batch) {
  if (freezing_) return;
  waiting_.push_back(std::move(batch));
  SubmitNext();
}

void StudentRole::SubmitNext() {
  while (!freezing_ && !failed_ && jobs_ < kMaxJobs && !waiting_.empty()) {
    port_.Submit({StudentJob::Kind::kUpdate, std::move(waiting_.front()), 0, false});
    waiting_.pop_front();
    ++jobs_;
  }
}

void StudentRole::SubmitParameters(std::uint32_t pin) {
  port_.Submit({StudentJob::Kind::kParameters, {}, pin, false});
}

void StudentRole::Tick(Time now, Outbox& out) {
  if (left_) return;
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
    port_.Submit({StudentJob::Kind::kParameters, {}, 0, true});
  }
  if (now - last_report_ >= kReportEvery) {
    last_report_ = now;
    Report(out);
  }
}

void StudentRole::OnDone(StudentOutcome outcome, Time, Outbox& out) {
  if (!outcome.error.empty()) {
    failed_ = true;
    SendTo(out, Address(), kCoordinatorAddress,
           Failure{fmt::format("{}: {}", Address().ToString(), outcome.error)});
    return;
  }
  if (outcome.job.kind == StudentJob::Kind::kUpdate) {
    OnUpdated(outcome, out);
    SubmitNext();
  } else {
    OnParameters(std::move(outcome), out);
  }
}

void StudentRole::OnUpdated(const StudentOutcome& outcome, Outbox& out) {
  --jobs_;
  ++updates_;
  SH_CHECK(outcome.steps.size() == settings_.models.size());
  const double rate = 1.0 / std::min(kMeanSpan, static_cast<double>(updates_));
  for (std::size_t k = 0; k < outcome.steps.size(); ++k) {
    loss_mean_[k] += rate * (outcome.steps[k].loss - loss_mean_[k]);
    agreement_mean_[k] += rate * (outcome.steps[k].agreement - agreement_mean_[k]);
  }
  const LabelledBatch& batch = outcome.job.batch;
  SendTo(out, Address(), {RoleKind::kLearner, batch.learner},
         Credit{1, batch.sequence, batch.teacher_updates});
  // One publication carries all students of the host, so that a version is a moment of the host.
  if (updates_ % static_cast<std::uint64_t>(settings_.publish_every) == 0) {
    SubmitParameters(0);
  }
}

void StudentRole::OnParameters(StudentOutcome outcome, Outbox& out) {
  ++version_;
  Pinned pinned{outcome.job.pin, {}};
  Frozen frozen;
  for (std::size_t k = 0; k < settings_.models.size(); ++k) {
    if (outcome.job.final) {
      frozen.models.push_back({settings_.models[k], version_, updates_, outcome.parameters[k]});
    }
    const WeightsPublish publish{settings_.models[k], version_, outcome.job.pin,
                                 std::move(outcome.parameters[k])};
    for (std::uint16_t shard = 0; shard < settings_.shards; ++shard) {
      SendTo(out, Address(), {RoleKind::kShard, shard}, publish);
    }
    pinned.models.push_back({settings_.models[k], version_, updates_});
  }
  if (outcome.job.pin != 0) SendTo(out, Address(), kCoordinatorAddress, pinned);
  if (outcome.job.final) SendTo(out, Address(), kCoordinatorAddress, frozen);
}

void StudentRole::Report(Outbox& out) {
  StudentReport report;
  for (std::size_t k = 0; k < settings_.models.size(); ++k) {
    report.students.push_back(
        {settings_.models[k], updates_, version_, loss_mean_[k], agreement_mean_[k]});
  }
  SendTo(out, Address(), kCoordinatorAddress, report);
}

}  // namespace stillhouse::learner
