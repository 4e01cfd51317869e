#include "actors/evaluation_desk.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/messages/evaluation_task_number.h"

namespace stillhouse::actors {

namespace {

/// Results kept for a second sending: what can be in flight when a connection is cut.
constexpr std::size_t kKeptAnswers = 8;

ModelCatalog::Key KeyOf(const ModelVersion& version) { return {version.model, version.version}; }

}  // namespace

EvaluationDesk::EvaluationDesk(std::uint64_t incarnation, std::uint32_t home, ModelCatalog& models,
                               EvaluationRunner::MakeEnvironment make)
    : incarnation_(incarnation), home_(home), models_(models), make_(std::move(make)) {}

void EvaluationDesk::Add(EvaluationTask task, ShardLinks& out) {
  const std::pair round(AttemptOfTask(task.task), task.round);
  if (task.worker != incarnation_ || round < round_) return;
  if (round > round_) {
    round_ = round;
    Forget();
  }
  for (const auto& version : ModelCatalog::Needed(task)) {
    if (!models_.Has(version.model)) {
      throw WireError(fmt::format("evaluation task {}: no model {}", task.task, version.model));
    }
  }
  const auto same = [&](const auto& known) { return known.task == task.task; };
  if ((runner_ && same(runner_->Task())) || std::any_of(tasks_.begin(), tasks_.end(), same) ||
      std::any_of(answers_.begin(), answers_.end(), same)) {
    return;
  }
  if (tasks_.size() >= kMaxTasks) throw WireError("more evaluation tasks than can be kept");
  tasks_.push_back(std::move(task));
  RequestMissing(out);
}

void EvaluationDesk::RequestMissing(ShardLinks& out) {
  if (!connected_) return;
  for (const auto& task : tasks_) {
    for (const auto& version : ModelCatalog::Needed(task)) {
      if (models_.Find(version) != ModelCatalog::Presence::kUnknown) continue;
      if (!requested_.insert(KeyOf(version)).second) continue;
      ByteWriter body;
      WeightsRequest{version.model, version.version}.Encode(body);
      out.Send(home_, FrameKind::kWeightsRequest, body.Take());
    }
  }
}

void EvaluationDesk::OnWeights(const WeightsReply& reply) {
  if (requested_.erase({reply.model, reply.version}) == 0) return;
  const auto expected = static_cast<std::size_t>(models_.Spec(reply.model).ParameterCount());
  if (!reply.parameters.empty() && reply.parameters.size() != expected) {
    throw WireError(fmt::format("weights of model {}: {} values, expected {}", reply.model,
                                reply.parameters.size(), expected));
  }
  models_.Load(reply.model, reply.version, reply.parameters);
}

void EvaluationDesk::OnHomeConnected(ShardLinks& out) {
  connected_ = true;
  requested_.clear();
  for (const auto& answer : answers_) out.Send(home_, FrameKind::kEvaluationResult, answer.body);
  RequestMissing(out);
}

void EvaluationDesk::Move(std::uint32_t home, bool connected, ShardLinks& out) {
  home_ = home;
  connected_ = false;
  if (connected) OnHomeConnected(out);
}

bool EvaluationDesk::Ready(ShardLinks& out) {
  while (!runner_ && !tasks_.empty()) {
    bool gone = false;
    for (const auto& version : ModelCatalog::Needed(tasks_.front())) {
      const auto presence = models_.Find(version);
      if (presence == ModelCatalog::Presence::kUnknown) return false;
      gone = gone || presence == ModelCatalog::Presence::kGone;
    }
    EvaluationTask task = std::move(tasks_.front());
    tasks_.pop_front();
    if (gone || task.seeds.empty()) {
      EvaluationResult nothing;
      nothing.task = task.task;
      nothing.round = task.round;
      nothing.player = task.player.model;
      Answer(nothing, out);
      KeepNeeded();
      continue;
    }
    EvaluationModels models = models_.For(task);
    runner_.emplace(std::move(task), std::move(models), make_);
  }
  return runner_.has_value();
}

void EvaluationDesk::Step(ShardLinks& out) {
  SH_CHECK(runner_.has_value(), "no evaluation to step");
  if (runner_->Step()) return;
  Answer(runner_->TakeResult(), out);
  runner_.reset();
  KeepNeeded();
}

void EvaluationDesk::Answer(const EvaluationResult& result, ShardLinks& out) {
  ByteWriter body(result.SizeHint());
  result.Encode(body);
  answers_.push_back({result.task, body.Take()});
  if (answers_.size() > kKeptAnswers) answers_.pop_front();
  out.Send(home_, FrameKind::kEvaluationResult, answers_.back().body);
}

// One round is played at a time. Nobody waits for what an earlier one asked, or the job's life
// before, and some of the weights may never come: who published them is dead.
void EvaluationDesk::Forget() {
  tasks_.clear();
  runner_.reset();
  requested_.clear();
  answers_.clear();
  models_.Keep({});
}

void EvaluationDesk::KeepNeeded() {
  // With an empty queue everything stays: the next task is most likely of the same round.
  std::set<ModelCatalog::Key> needed;
  for (const auto& task : tasks_) {
    for (const auto& version : ModelCatalog::Needed(task)) needed.insert(KeyOf(version));
  }
  if (!tasks_.empty()) models_.Keep(needed);
}

}  // namespace stillhouse::actors
