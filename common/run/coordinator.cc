#include "common/run/coordinator.h"

#include <algorithm>
#include <chrono>

#include "common/config/config_check.h"
#include "common/messages/evaluation_task_number.h"

namespace stillhouse {
namespace {
using namespace std::chrono_literals;
constexpr Time kBroadcastEvery = 100ms;
/// A stopped or dead student never holds the end up for longer.
constexpr Time kFreezeTimeout = 10s;
constexpr Time kLeaveTimeout = 10s;
constexpr Time kContinueEvery = 1s;  ///< while somebody has not left
/// Samples of an experience that does not grow: no rate to keep.
constexpr std::uint64_t kAnyNumber = std::uint64_t{1} << 62U;

EvaluationScheduler::Settings EvaluationSettingsOf(const Coordinator::Settings& settings) {
  EvaluationScheduler::Settings result;
  result.seed = settings.config.run.seed;
  result.consecutive_seeds = settings.config.env.id.starts_with("data/");
  result.episodes = static_cast<std::uint32_t>(settings.config.evaluation.episodes);
  result.final_episodes = static_cast<std::uint32_t>(settings.config.evaluation.final_episodes);
  result.epsilon = settings.config.evaluation.epsilon;
  result.max_steps = static_cast<std::uint32_t>(settings.config.evaluation.max_steps);
  result.shards = settings.shards;
  result.tasks_before = FirstTaskNumber(settings.attempt - 1U);
  result.publishers.push_back({RoleKind::kLearner, 0});
  for (std::uint16_t host = 0; host < settings.student_hosts; ++host) {
    result.publishers.push_back({RoleKind::kStudentHost, host});
  }
  return result;
}

ProgressTracker::Settings ProgressSettingsOf(const Coordinator::Settings& settings) {
  ProgressTracker::Settings result;
  for (const auto& student : settings.config.students) result.students.push_back(student.name);
  result.host_of_student = settings.host_of_student;
  result.shards = settings.shards;
  result.min_size = settings.config.replay.min_size;
  result.start_unix_s = settings.start_unix_s;
  result.attempt = settings.attempt;
  if (settings.resume) {
    const CoordinatorState& before = settings.resume->coordinator;
    // A store that is kept counts on by itself.
    const bool kept = settings.config.replay.durability != Durability::kNone;
    result.frames_before = kept ? 0 : before.frames;
    result.inserted_before = kept ? 0 : before.inserted;
    result.frames_at_start = before.frames;
    result.episodes_before = before.episodes;
    result.visited_before = before.visited;
    result.updates_before = before.updates;
    result.samples_before = before.samples;
    result.elapsed_before_s = Seconds(before.elapsed);
  }
  return result;
}
}  // namespace

Coordinator::Coordinator(Settings settings, RunRecorder& recorder)
    : settings_(std::move(settings)),
      recorder_(recorder),
      limiter_(settings_.config.replay.samples_per_insert,
               static_cast<std::uint64_t>(settings_.config.replay.min_size), settings_.tolerance),
      progress_(ProgressSettingsOf(settings_)),
      evaluation_(EvaluationSettingsOf(settings_)),
      scores_(settings_.models, settings_.config.run.seed,
              FindAblations(settings_.config.students)),
      checkpoints_(settings_.student_hosts, settings_.host_of_student,
                   KeepsStore() ? settings_.shards : std::uint16_t{0}),
      offset_(settings_.resume ? settings_.resume->coordinator.elapsed : Time{}),
      endpoints_(settings_.shards),
      insert_granted_(settings_.shards, 0),
      plateau_(settings_.config.students.size(),
               static_cast<std::uint64_t>(settings_.config.stop.plateau)),
      stalls_(FromSeconds(settings_.config.monitor.stall_after.value)) {}

void Coordinator::Handle(const Envelope& envelope, Time now, Outbox& out) {
  now += offset_;
  const RoleAddress from = envelope.from;
  switch (envelope.kind) {
    case MessageKind::kShardReport:
      return OnShardReport(DecodeBody<ShardReport>(envelope), from.index);
    case MessageKind::kLearnerReport:
      progress_.On(DecodeBody<LearnerReport>(envelope));
      limiter_.ReportSampled(progress_.Samples());
      return;
    case MessageKind::kStudentReport:
      return progress_.On(DecodeBody<StudentReport>(envelope));
    case MessageKind::kHostReport:
      return OnHostReport(DecodeBody<HostReport>(envelope), from.index);
    case MessageKind::kRankReport: {
      const auto report = DecodeBody<RankReport>(envelope);
      rank_heard_[report.rank] = now;
      return progress_.On(report);
    }
    case MessageKind::kPinned:
      return evaluation_.OnPinned(DecodeBody<Pinned>(envelope), from);
    case MessageKind::kEvaluationResult:
      return evaluation_.OnResult(DecodeBody<EvaluationResult>(envelope));
    case MessageKind::kEndpoint:
      return OnEndpoint(DecodeBody<Endpoint>(envelope), from.index, out);
    case MessageKind::kFrozen:
      frozen_.insert(from);
      for (const auto& model : DecodeBody<Frozen>(envelope).models) recorder_.OnFinalModel(model);
      return;
    case MessageKind::kCheckpointPart:
      return checkpoints_.OnPart(DecodeBody<CheckpointPart>(envelope), from, now);
    case MessageKind::kShardPart:
      return checkpoints_.OnPart(DecodeBody<ShardPart>(envelope), from.index);
    case MessageKind::kFailure:
      return Fail(DecodeBody<Failure>(envelope).reason);
    case MessageKind::kLeft:
      left_.insert(from);
      return;
    case MessageKind::kRankDown:
      return OnRankDown(DecodeBody<RankDown>(envelope), now, out);
    default:
      throw WireError(fmt::format("coordinator: unexpected {} from {} at {:.1f} s",
                                  MessageName(envelope.kind), from.ToString(), Seconds(now)));
  }
}

void Coordinator::Tick(Time now, Outbox& out) {
  if (finished_) return;
  now += offset_;
  if (!started_) {
    started_ = true;
    if (settings_.resume) Resume(now, out);
    if (!scores_.HasRandom()) evaluation_.StartRound(RoundKind::kRandom, now);
  }
  WatchProgress(now);
  // After the death of a shard that had not said what it holds, nobody knows.
  const bool known = !KeepsStore() || (progress_.StoreKnown() && !outcome_.failed);
  if (!counting_ && known) BeginCounting(now);
  if (!counting_ && !outcome_.failed && step_ != Step::kLeaving) {
    if (now - last_broadcast_ >= kBroadcastEvery) Broadcast(now, out);
    return;
  }
  if (step_ != Step::kLeaving && counting_) {
    SendGrants(out);
    evaluation_.Tick(now, Address(), out);
    TakeRound(now);
    TickCheckpoints(now, out);
    if (finished_) return;
    FailWithoutWorkers(now);
  }
  if (outcome_.failed && step_ != Step::kLeaving) BeginLeaving(now, out);
  Advance(now, out);
  const bool tells = counting_ && (!settings_.seams || !checkpoints_.Collecting());
  if (tells && Due(settings_.config.monitor.log_every, last_progress_, now)) {
    recorder_.OnProgress(progress_.Take(now, phase_));
  }
  if (now - last_broadcast_ >= kBroadcastEvery) Broadcast(now, out);
}

void Coordinator::SendGrants(Outbox& out) {
  if (phase_ != RunPhase::kTrain) return;
  const bool stored = LearnsFromStored(settings_.config);
  const std::uint64_t samples = HasFrozenTeacher(settings_.config) ? 0
                                : stored                           ? kAnyNumber
                                                                   : limiter_.SampleAllowance();
  if (samples > sample_granted_) {
    sample_granted_ = samples;
    SendTo(out, Address(), {RoleKind::kLearner, 0}, SampleGrant{samples});
  }
  if (stored) return;  // nobody plays
  const std::uint64_t before =
      settings_.resume && !KeepsStore() ? settings_.resume->coordinator.inserted : 0;
  const auto grants = LivingGrants(limiter_.InsertAllowance() - before);
  for (std::uint16_t shard = 0; shard < settings_.shards; ++shard) {
    if (grants[shard] <= insert_granted_[shard]) continue;
    insert_granted_[shard] = grants[shard];
    SendTo(out, Address(), {RoleKind::kShard, shard}, InsertGrant{grants[shard]});
  }
}

bool Coordinator::StopReached(Time now) const {
  const StopSettings& stop = settings_.config.stop;
  if (HasFrozenTeacher(settings_.config)) return true;  // what stops there stops the students
  if (stop.frames && progress_.Frames() >= static_cast<std::uint64_t>(*stop.frames)) return true;
  if (stop.updates && progress_.Updates() >= static_cast<std::uint64_t>(*stop.updates)) return true;
  if (stop.time && Seconds(now) >= stop.time->value) return true;
  return stop.teacher_return && scores_.TeacherReturn() &&
         *scores_.TeacherReturn() >= *stop.teacher_return;
}

void Coordinator::Advance(Time now, Outbox& out) {
  // A checkpoint holds one moment of the run: the next step does not overtake it.
  if (checkpoints_.AwaitsLearner() && step_ != Step::kLeaving) return;
  if (settings_.seams && checkpoints_.Collecting()) return;
  // Who asked for the end has not the time for what the next step may wait for.
  const bool training =
      step_ == Step::kRunning || step_ == Step::kRefilling || step_ == Step::kTail;
  if (preempt_wanted_ && training) return;
  switch (step_) {
    case Step::kRunning:
      if (!SeamNear() && Due(settings_.config.evaluation.every, last_evaluation_, now)) {
        StartPeriodicRound(now);
      }
      if (StopReached(now) && !evaluation_.Has(RoundKind::kRandom)) BeginFreeze(now, out);
      return;
    case Step::kFreezing:
      if (frozen_.contains({RoleKind::kLearner, 0})) BeginTail(now, out);
      return;
    case Step::kRefilling:
      if (progress_.StoreSize() >= static_cast<std::uint64_t>(settings_.config.replay.min_size)) {
        BeginDistilling(now, out);
      }
      return;
    case Step::kTail: {
      if (SeamNear()) return;
      const std::string why = WhyTailIsOver(now);
      if (why.empty()) return;
      recorder_.OnNote(fmt::format("the students stop after {:.1f} s of tail: {}",
                                   Seconds(TailSpent(now)), why));
      return FreezeStudents(now, out);
    }
    case Step::kFreezingStudents:
      if (StudentsFrozen() || now - step_since_ > kFreezeTimeout) BeginFinal(now, out);
      return;
    case Step::kFinal:
      if (evaluation_.Busy() || checkpoint_wanted_ || checkpoints_.Collecting()) return;
      if (!checkpoint_writing_) BeginLeaving(now, out);
      return;
    case Step::kLeaving:
      // One may have been stopped again since.
      if (now - continued_ >= kContinueEvery) ContinueRanks(now);
      if (AllHaveLeft() || now - step_since_ > kLeaveTimeout) {
        for (const auto role : Everyone()) {
          if (!left_.contains(role)) outcome_.unanswered.push_back(role.ToString());
        }
        finished_ = true;
      }
      return;
  }
}

void Coordinator::StartPeriodicRound(Time now) {
  if (!evaluation_.Busy()) evaluation_.StartRound(RoundKind::kPeriodic, now);
}

void Coordinator::BeginFreeze(Time now, Outbox& out) {
  // The round pins the live teacher: its requests leave before the Freeze, and the learner does
  // things in order.
  evaluation_.CancelRound(Address(), out);
  evaluation_.StartRound(RoundKind::kFreeze, now);
  evaluation_.Tick(now, Address(), out);
  SendTo(out, Address(), {RoleKind::kLearner, 0}, Freeze{});
  step_ = Step::kFreezing;
  step_since_ = now;
}

void Coordinator::BeginTail(Time now, Outbox& out) {
  const bool resumed = frozen_at_ > Time{};
  if (!resumed) frozen_at_ = now;
  std::string line = fmt::format("teacher frozen after {} updates, {} frames, {:.1f} s;",
                                 progress_.Updates(), progress_.Frames(), Seconds(now));
  for (std::size_t i = 0; i < settings_.config.students.size(); ++i) {
    line += fmt::format(" {} has {} updates;", settings_.config.students[i].name,
                        progress_.StudentUpdates(i));
  }
  if (!resumed) recorder_.OnNote(line);
  checkpoint_wanted_ = checkpoint_wanted_ || (!resumed && ChecksPeriodically());
  if (resumed && settings_.resume->students_frozen) {
    SetPhase(RunPhase::kTail, now, out);
    return FreezeStudents(now, out);
  }
  const Time spent = resumed ? settings_.resume->coordinator.tail_spent : Time{};
  tail_since_ = now - spent;
  const bool frozen = HasFrozenTeacher(settings_.config);
  const double length = Seconds(frozen_at_) * settings_.config.stop.distill_tail;
  const bool nothing_left =
      Living(RoleKind::kStudentHost) == 0 || (!frozen && Seconds(spent) >= length);
  if ((settings_.resume || frozen) && !LearnsFromStored(settings_.config) && !nothing_left &&
      progress_.StoreSize() < static_cast<std::uint64_t>(settings_.config.replay.min_size)) {
    recorder_.OnNote("the students wait: actors fill the store again, with the frozen teacher");
    step_ = Step::kRefilling;
    step_since_ = now;
    LetRefill();
    return;
  }
  BeginDistilling(now, out);
}

// A frozen teacher samples nothing: the rule alone would let nothing in, ever.
void Coordinator::LetRefill() {
  limiter_.Resume(limiter_.Inserted(), limiter_.Sampled(), progress_.StoreSize());
}

void Coordinator::BeginDistilling(Time now, Outbox& out) {
  if (step_ == Step::kRefilling) tail_since_ += now - step_since_;
  step_ = Step::kTail;
  step_since_ = now;
  SetPhase(RunPhase::kTail, now, out);
}

void Coordinator::FreezeStudents(Time now, Outbox& out) {
  step_ = Step::kFreezingStudents;
  step_since_ = now;
  for (const auto role : Everyone()) {
    if (role.kind == RoleKind::kStudentHost) SendTo(out, Address(), role, Freeze{});
  }
}

void Coordinator::BeginFinal(Time now, Outbox& out) {
  for (std::uint16_t host = 0; host < settings_.student_hosts; ++host) {
    const RoleAddress role{RoleKind::kStudentHost, host};
    if (frozen_.contains(role) || dead_.contains(role)) continue;
    for (std::size_t i = 0; i < settings_.config.students.size(); ++i) {
      if (settings_.host_of_student[i] != host) continue;
      const auto& name = settings_.config.students[i].name;
      recorder_.OnNote(fmt::format("student {} does not answer: left out of the end", name));
      outcome_.reason += fmt::format("student {} did not answer; ", name);
    }
  }
  step_ = Step::kFinal;
  // The students as they end: what is left can be played again.
  const bool taken = settings_.seams && settings_.resume && settings_.resume->students_frozen;
  checkpoint_wanted_ = checkpoint_wanted_ || (ChecksPeriodically() && !taken);
  evaluation_.StartRound(RoundKind::kFinal, now);
  SetPhase(RunPhase::kFinal, now, out);
}

void Coordinator::BeginLeaving(Time now, Outbox& out) {
  step_ = Step::kLeaving;
  step_since_ = now;
  if (!outcome_.failed && !outcome_.preempted) outcome_.reason += losses_;
  if (counting_) recorder_.OnProgress(progress_.Take(now, phase_));
  SetPhase(RunPhase::kEnd, now, out);
  for (const auto role : Everyone()) SendTo(out, Address(), role, Leave{});
  ContinueRanks(now);
}

void Coordinator::ContinueRanks(Time now) {
  continued_ = now;
  for (const auto& [rank, report] : progress_.Ranks()) recorder_.ContinueRank(report);
}

void Coordinator::SetPhase(RunPhase phase, Time now, Outbox& out) {
  phase_ = phase;
  recorder_.OnNote(fmt::format("phase {} at {:.1f} s", PhaseName(phase), Seconds(now)));
  Broadcast(now, out);
}

void Coordinator::Broadcast(Time now, Outbox& out) {
  last_broadcast_ = now;
  const RunStatus status{phase_,       progress_.Frames(),  progress_.Updates(),
                         dead_shards_, scores_.Retention(), scores_.BestRound()};
  for (const auto role : Everyone()) {
    if (!left_.contains(role)) SendTo(out, Address(), role, status);
  }
}

void Coordinator::Fail(const std::string& reason) {
  if (outcome_.failed) return;
  outcome_.failed = true;
  outcome_.reason = reason;
}

}  // namespace stillhouse
