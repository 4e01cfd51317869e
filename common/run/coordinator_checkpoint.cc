// The coordinator's part in checkpoints and in going on from one; phases and all else are in
// coordinator.cc.
#include <algorithm>

#include "common/config/config_check.h"
#include "common/run/coordinator.h"

namespace stillhouse {
namespace {

constexpr const char* kCoordinatorFile = "coordinator.state";
/// Who asked for the end gives half a minute for it.
constexpr Time kPreemptLimit = std::chrono::seconds(25);

}  // namespace

std::string ShardCheckpointFile(std::uint16_t shard) {
  return fmt::format("shard-{}.state", shard);
}

std::string CheckpointFileOf(const std::string& model, std::size_t index) {
  return index == 0 ? "teacher.state" : "student-" + model + ".state";
}

ResumePoint MakeResumePoint(const Checkpoint& checkpoint,
                            const std::vector<std::string>& model_names) {
  const auto file = [&checkpoint](const std::string& name) {
    const auto found = checkpoint.files.find(name);
    if (found == checkpoint.files.end()) {
      throw WireError(fmt::format("checkpoint {}: it has no {}", checkpoint.facts.updates, name));
    }
    return found->second;
  };
  ResumePoint point{CoordinatorState::Decode(file(kCoordinatorFile)), {}, {}};
  point.models.push_back({0, file(CheckpointFileOf(model_names.at(0), 0))});
  for (std::size_t i = 1; i < model_names.size(); ++i) {
    const auto found = checkpoint.files.find(CheckpointFileOf(model_names[i], i));
    if (found == checkpoint.files.end()) continue;  // a new student, or one that never answered
    point.models.push_back({static_cast<std::uint16_t>(i), found->second});
  }
  point.students_frozen = checkpoint.facts.phase == PhaseName(RunPhase::kFinal);
  for (std::uint16_t shard = 0;; ++shard) {
    const auto found = checkpoint.files.find(ShardCheckpointFile(shard));
    if (found == checkpoint.files.end()) break;
    point.shards[shard] = found->second;
  }
  return point;
}

void Coordinator::Resume(Time now, Outbox& out) {
  const ResumePoint& point = *settings_.resume;
  const CoordinatorState& before = point.coordinator;
  ByteReader scores(before.scores, "scores of a checkpoint");
  scores_.Load(scores);
  scores.ExpectEnd();
  checkpoints_.Remember(point.models, now);
  const auto at_resume = [&](const Duration& every, double last = -1) {
    double at = Seconds(now);
    if (every.unit == Duration::Unit::kUpdates) at = static_cast<double>(before.updates);
    if (every.unit == Duration::Unit::kFrames) at = static_cast<double>(before.frames);
    return last < 0 ? at : std::min(last, at);
  };
  last_evaluation_ = at_resume(settings_.config.evaluation.every, before.last_evaluation);
  last_checkpoint_ = at_resume(settings_.config.checkpoint.every, before.last_checkpoint);
  last_progress_ = at_resume(settings_.config.monitor.log_every);

  Restore teacher;
  std::vector<Restore> hosts(settings_.student_hosts);
  for (const auto& part : point.models) {
    if (part.model == 0) {
      teacher.models.push_back(part);
    } else {
      hosts.at(settings_.host_of_student.at(part.model - 1U)).models.push_back(part);
    }
  }
  for (std::uint16_t learner = 0; learner < settings_.learners; ++learner) {
    SendTo(out, Address(), {RoleKind::kLearner, learner}, teacher);
  }
  for (std::uint16_t host = 0; host < settings_.student_hosts; ++host) {
    SendTo(out, Address(), {RoleKind::kStudentHost, host}, hosts[host]);
  }
  if (before.frozen_at > Time{}) {
    frozen_at_ = before.frozen_at;
    step_ = Step::kFreezing;  // the learner says Frozen again, with the final parameters
    step_since_ = now;
  }
}

bool Coordinator::Due(const Duration& every, double& last, Time now) const {
  double at = Seconds(now);
  if (every.unit == Duration::Unit::kUpdates) at = static_cast<double>(progress_.Updates());
  if (every.unit == Duration::Unit::kFrames) at = static_cast<double>(progress_.Frames());
  if (at - last < every.value) return false;
  // The next one counts from the grid, not from this moment: no drift.
  last += every.value * static_cast<double>(static_cast<std::int64_t>((at - last) / every.value));
  return true;
}

void Coordinator::BeginCounting(Time now) {
  counting_ = true;
  frames_at_start_ = progress_.Frames();
  if (settings_.resume) {
    limiter_.Resume(progress_.Inserted(), settings_.resume->coordinator.samples,
                    progress_.StoreSize());
  } else if (KeepsStore() && progress_.Inserted() > 0) {
    limiter_.Resume(progress_.Inserted(), 0, progress_.StoreSize());
  }
  if (!settings_.at_seam) NoteResume(now);
  if (LearnsFromStored(settings_.config) && progress_.StoreSize() == 0) {
    Fail("the store holds nothing, and with replay.from nobody plays");
  }
}

void Coordinator::NoteResume(Time now) {
  const bool stored = KeepsStore() && progress_.Inserted() > 0;
  const std::string store =
      KeepsStore() ? fmt::format("the store holds {} transitions of {} ever stored",
                                 progress_.StoreSize(), progress_.Inserted())
                   : fmt::format(
                         "the store holds nothing (replay.durability: none): sampling waits until "
                         "{} new transitions have come",
                         settings_.config.replay.min_size);
  if (settings_.resume) {
    const CoordinatorState& before = settings_.resume->coordinator;
    recorder_.OnNote(fmt::format("attempt {}: resumed from {} updates, {} frames, {:.1f} s; {}",
                                 settings_.attempt, before.updates, before.frames,
                                 Seconds(before.elapsed), store));
  } else if (stored) {
    recorder_.OnNote(fmt::format("attempt {}: no checkpoint yet, but {}; the teacher begins anew",
                                 settings_.attempt, store));
  }
  if (!settings_.resume && settings_.attempt == 1) return;
  // Of a copy: what later lines say of the time since the last one is not to depend on this one.
  ProgressRecord record = ProgressTracker(progress_).Take(now, phase_);
  record.resumed_from_updates = settings_.resume ? settings_.resume->coordinator.updates : 0;
  recorder_.OnProgress(record);
}

Time Coordinator::TailSpent(Time now) const {
  switch (step_) {
    case Step::kRunning:
    case Step::kFreezing:
      return {};
    case Step::kRefilling:
      return step_since_ - tail_since_;
    case Step::kTail:
      return now - tail_since_;
    case Step::kFreezingStudents:
    case Step::kFinal:
    case Step::kLeaving:
      break;
  }
  return FromSeconds(Seconds(frozen_at_) * settings_.config.stop.distill_tail + 1);
}

void Coordinator::Preempt(const std::string& reason) {
  if (preempt_wanted_) return;
  preempt_wanted_ = true;
  preempt_reason_ = reason;
  recorder_.OnNote(reason + ": a checkpoint, then the end");
}

void Coordinator::BeginCheckpointIfWanted(Time now, Outbox& out) {
  const Duration& every = settings_.config.checkpoint.every;
  const bool may = step_ == Step::kRunning || step_ == Step::kRefilling || step_ == Step::kTail ||
                   step_ == Step::kFinal;
  if (!may) return;
  checkpoints_.AskLearnerWhenDue(now, Address(), out);
  if (checkpoints_.Collecting() || checkpoint_writing_) return;
  if (settings_.seams && step_ == Step::kRunning && !SeamAdvances()) return;
  if (ChecksPeriodically() && step_ != Step::kFinal && Due(every, last_checkpoint_, now)) {
    checkpoint_wanted_ = true;
  }
  if (!checkpoint_wanted_ && !preempt_wanted_) return;
  if (settings_.seams && !SeamFits()) return;
  checkpoint_wanted_ = false;
  preempt_collecting_ = preempt_wanted_;
  checkpoints_.Begin(now, Address(), out);
}

void Coordinator::TickCheckpoints(Time now, Outbox& out) {
  if (const auto outcome = recorder_.TakeCheckpointOutcome())
    OnCheckpointOutcome(*outcome, now, out);
  if (outcome_.failed || step_ == Step::kLeaving) return;
  if (preempt_wanted_ && !preempt_since_) preempt_since_ = now;
  if (preempt_since_ && now - *preempt_since_ > kPreemptLimit) {
    return Fail(fmt::format("{}, and no checkpoint was complete after {:.0f} s", preempt_reason_,
                            Seconds(kPreemptLimit)));
  }
  BeginCheckpointIfWanted(now, out);
  if (auto collected = checkpoints_.Take(now)) {
    WriteCheckpoint(std::move(*collected), now);
    if (settings_.seams) EndAtSeam();
  }
}

bool Coordinator::SeamFits() const {
  // A round that is cut would never come to its end where rounds and checkpoints fall together.
  // The final one begins again: its checkpoint is to come before it.
  return step_ == Step::kFinal ? !evaluation_.Has(RoundKind::kFreeze) : !evaluation_.Busy();
}

bool Coordinator::SeamAdvances() const {
  // What has not been stored yet does not outlive a seam: with nothing but that, a run would not
  // come off it.
  return !settings_.resume || progress_.Frames() > frames_at_start_ ||
         progress_.Updates() > settings_.resume->coordinator.updates;
}

void Coordinator::EndAtSeam() {
  const auto outcome = recorder_.TakeCheckpointOutcome();
  SH_CHECK(outcome.has_value(), "a checkpoint of a run with seams is written at once");
  checkpoint_writing_ = false;
  if (!outcome->error.empty()) {
    return Fail(fmt::format("a deterministic run does not go on without its checkpoint: {}",
                            outcome->error));
  }
  recorder_.OnNote(
      fmt::format("checkpoint {} written, {} bytes", outcome->updates, outcome->bytes));
  outcome_.seam = true;
  finished_ = true;
}

void Coordinator::WriteCheckpoint(CheckpointKeeper::Collected collected, Time now) {
  CoordinatorState state;
  state.updates = collected.updates;
  state.samples = collected.samples;
  state.frames = progress_.Frames();
  state.inserted = progress_.Inserted();
  state.episodes = progress_.Episodes();
  // A run with seams leaves the same bytes however often it was interrupted.
  state.attempt = settings_.seams ? 1 : settings_.attempt;
  state.elapsed = now;
  state.last_evaluation = last_evaluation_;
  state.last_checkpoint = last_checkpoint_;
  state.frozen_at = frozen_at_;
  state.tail_spent = TailSpent(now);
  ByteWriter scores;
  scores_.Save(scores);
  state.scores = scores.Take();
  state.visited = progress_.Visited();

  Checkpoint checkpoint;
  checkpoint.facts = {collected.updates, state.frames, settings_.attempt, PhaseName(phase_), {}};
  for (auto& [model, bytes] : collected.models) {
    checkpoint.files[CheckpointFileOf(settings_.models.at(model).name, model)] = std::move(bytes);
  }
  checkpoint.files[kCoordinatorFile] = state.Encode();
  for (auto& [shard, bytes] : collected.shards) {
    checkpoint.files[ShardCheckpointFile(shard)] = std::move(bytes);
  }
  for (const auto shard : collected.silent_shards) {
    recorder_.OnNote(
        fmt::format("shard {} does not answer: the checkpoint has its priorities of an "
                    "earlier one, or none",
                    shard));
  }
  for (const auto& [model, age] : collected.reused) {
    const std::string& name = settings_.models.at(model).name;
    checkpoint.facts.reused[name] = Seconds(age);
    recorder_.OnNote(
        fmt::format("student {} does not answer: its part of the checkpoint is {:.0f} "
                    "s old",
                    name, Seconds(age)));
  }
  for (const auto model : collected.missing) {
    recorder_.OnNote(fmt::format("student {} has never answered: the checkpoint is without it",
                                 settings_.models.at(model).name));
  }
  checkpoint_writing_ = true;
  checkpoint_writing_since_ = now;
  recorder_.WriteCheckpoint(std::move(checkpoint));
}

void Coordinator::OnCheckpointOutcome(const CheckpointOutcome& outcome, Time now, Outbox& out) {
  checkpoint_writing_ = false;
  const bool ends = preempt_wanted_ && preempt_collecting_;
  if (outcome.error.empty()) {
    recorder_.OnNote(
        fmt::format("checkpoint {} written, {} bytes", outcome.updates, outcome.bytes));
  } else if (ends) {
    return Fail(
        fmt::format("{}, and no checkpoint could be written: {}", preempt_reason_, outcome.error));
  } else {
    recorder_.OnNote(
        fmt::format("no checkpoint was written, the earlier ones stand: {}", outcome.error));
  }
  if (!ends || outcome_.failed) return;
  outcome_.preempted = true;
  outcome_.reason = preempt_reason_;
  BeginLeaving(now, out);
}

}  // namespace stillhouse
