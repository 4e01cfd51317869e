#include "common/run/evaluation_scheduler.h"

#include <algorithm>
#include <chrono>

#include "common/run/evaluation_seeds.h"

namespace stillhouse {
namespace {
using namespace std::chrono_literals;
/// A publisher that has not pinned by then (a stopped student host) is left out of the round.
constexpr Time kPinTimeout = 3s;
/// A task without any result for so long is given to another worker.
constexpr Time kTaskTimeout = 120s;
/// So many tasks a worker: one in hand, one waiting, so that it never runs dry.
constexpr std::size_t kTasksPerWorker = 2;
constexpr std::size_t kMinTaskSeeds = 8;
constexpr std::size_t kMaxTaskSeeds = 250;
}  // namespace

EvaluationScheduler::EvaluationScheduler(Settings settings) : settings_(std::move(settings)) {}

std::vector<std::uint64_t> EvaluationScheduler::Seeds(std::uint64_t run_seed, RoundKind kind,
                                                      std::uint32_t count, bool consecutive) {
  const auto seeds = [&](SeedList list) {
    return consecutive ? ConsecutiveSeeds(run_seed, list, count)
                       : EvaluationSeeds(run_seed, list, count);
  };
  switch (kind) {
    case RoundKind::kRandom:
      return seeds(SeedList::kRandom);
    case RoundKind::kFinal:
      return seeds(SeedList::kFinal);
    case RoundKind::kPeriodic:
    case RoundKind::kFreeze:  // the periodic seeds: the two are compared
      break;
  }
  return seeds(SeedList::kPeriodic);
}

void EvaluationScheduler::StartRound(RoundKind kind, Time) { queue_.push_back(kind); }

void EvaluationScheduler::CancelRound(RoleAddress address, Outbox& out) {
  std::erase_if(queue_, [](RoundKind kind) { return kind != RoundKind::kRandom; });
  if (!round_ || round_->kind == RoundKind::kRandom) return;
  for (std::uint16_t shard = 0; shard < settings_.shards; ++shard) {
    SendTo(out, address, {RoleKind::kShard, shard}, EvaluationRelease{round_->number});
  }
  round_.reset();
}

bool EvaluationScheduler::Has(RoundKind kind) const {
  return (round_ && round_->kind == kind) ||
         std::find(queue_.begin(), queue_.end(), kind) != queue_.end();
}

void EvaluationScheduler::OnPinned(const Pinned& pinned, RoleAddress from) {
  if (!round_ || round_->number != pinned.round || round_->assigned_models) return;
  if (!round_->answered.insert(from).second) return;
  round_->pinned.insert(round_->pinned.end(), pinned.models.begin(), pinned.models.end());
}

void EvaluationScheduler::OnWorkers(std::uint16_t shard,
                                    const std::vector<std::uint64_t>& home_workers) {
  std::erase_if(home_of_, [shard](const auto& entry) { return entry.second == shard; });
  for (const auto worker : home_workers) home_of_[worker] = shard;
}

void EvaluationScheduler::OnShardDown(std::uint16_t shard) {
  OnWorkers(shard, {});
  // What it had not handed on is lost, though its workers are back at once, at another shard.
  if (round_) TakeBackLostTasks(Time::min());
}

void EvaluationScheduler::OnPublisherDown(RoleAddress publisher, RoleAddress address, Outbox& out) {
  std::erase(settings_.publishers, publisher);
  if (!round_ || round_->kind == RoundKind::kRandom) return;
  const RoundKind kind = round_->kind;
  for (std::uint16_t shard = 0; shard < settings_.shards; ++shard) {
    SendTo(out, address, {RoleKind::kShard, shard}, EvaluationRelease{round_->number});
  }
  round_.reset();
  queue_.push_front(kind);
}

void EvaluationScheduler::OnResult(const EvaluationResult& result) {
  if (!round_ || round_->number != result.round) return;
  const auto found = round_->tasks.find(result.task);
  if (found == round_->tasks.end()) return;
  Task& task = found->second;
  // No episodes: the worker could not get the weights. The seeds go back at the next Tick.
  if (result.episodes.empty()) task.deadline = Time::min();
  Play& play = round_->plays[task.play];
  for (const auto& episode : result.episodes) {
    if (task.open.erase(episode.seed) == 0) continue;
    play.played.emplace(episode.seed, episode.episode_return);
    if (round_->kind != RoundKind::kPeriodic) ++episodes_;
  }
  for (const auto& part : result.comparisons) {
    for (auto& other : round_->plays) {
      if (other.evaluation.model.model != part.model) continue;
      const bool own = part.model == play.evaluation.model.model;
      (own ? other.evaluation.on_own_states : other.evaluation.on_reference_states).Add(part);
    }
  }
  if (task.open.empty()) round_->tasks.erase(found);
}

void EvaluationScheduler::Tick(Time now, RoleAddress address, Outbox& out) {
  if (!round_ && !queue_.empty() && !finished_) Begin(now, address, out);
  if (!round_) return;
  if (!round_->assigned_models) {
    if (!PinsComplete(now)) return;
    MakePlays();
  }
  TakeBackLostTasks(now);
  Assign(now, address, out);
  FinishIfComplete(address, out);
}

void EvaluationScheduler::Begin(Time now, RoleAddress address, Outbox& out) {
  round_ = Round{};
  round_->number = ++rounds_;
  round_->kind = queue_.front();
  round_->started = now;
  queue_.pop_front();
  switch (round_->kind) {
    case RoundKind::kRandom:
      round_->episodes = settings_.random_episodes;
      return;  // no network, nothing to pin
    case RoundKind::kFinal:
      round_->episodes = settings_.final_episodes;
      break;
    case RoundKind::kPeriodic:
    case RoundKind::kFreeze:
      round_->episodes = settings_.episodes;
      break;
  }
  for (const auto publisher : settings_.publishers) {
    SendTo(out, address, publisher, PinRequest{round_->number});
  }
}

bool EvaluationScheduler::PinsComplete(Time now) const {
  if (round_->kind == RoundKind::kRandom) return true;
  if (round_->answered.size() == settings_.publishers.size()) return true;
  // Without the teacher there is nothing to compare with: it is waited for.
  return now - round_->started > kPinTimeout &&
         round_->answered.contains(settings_.publishers.front());
}

void EvaluationScheduler::MakePlays() {
  Round& round = *round_;
  round.assigned_models = true;
  if (round.kind == RoundKind::kRandom) round.pinned = {{kRandomModel, 0, 0}};
  std::sort(round.pinned.begin(), round.pinned.end(),
            [](const auto& a, const auto& b) { return a.model < b.model; });
  const auto seeds = Seeds(settings_.seed, round.kind, round.episodes, settings_.consecutive_seeds);
  for (const auto& model : round.pinned) {
    Play play;
    play.evaluation.model = model;
    play.evaluation.on_reference_states.model = model.model;
    play.evaluation.on_own_states.model = model.model;
    play.to_assign.assign(seeds.begin(), seeds.end());
    round.plays.push_back(std::move(play));
  }
}

void EvaluationScheduler::TakeBackLostTasks(Time now) {
  for (auto it = round_->tasks.begin(); it != round_->tasks.end();) {
    const Task& task = it->second;
    if (home_of_.contains(task.worker) && now < task.deadline) {
      ++it;
      continue;
    }
    auto& to_assign = round_->plays[task.play].to_assign;
    to_assign.insert(to_assign.end(), task.open.begin(), task.open.end());
    it = round_->tasks.erase(it);
  }
}

void EvaluationScheduler::Assign(Time now, RoleAddress address, Outbox& out) {
  std::map<std::uint64_t, std::size_t> in_hand;
  for (const auto& [id, task] : round_->tasks) ++in_hand[task.worker];
  std::size_t left = 0;
  for (const auto& play : round_->plays) left += play.to_assign.size();
  if (home_of_.empty() || left == 0) return;
  // Shares shrink as the round runs out, so that all workers end at about the same time.
  const std::size_t share =
      std::clamp(left / (home_of_.size() * kTasksPerWorker + 1), kMinTaskSeeds, kMaxTaskSeeds);
  for (const auto& [worker, shard] : home_of_) {
    while (in_hand[worker] < kTasksPerWorker) {
      const auto play = std::find_if(round_->plays.begin(), round_->plays.end(),
                                     [](const Play& p) { return !p.to_assign.empty(); });
      if (play == round_->plays.end()) return;
      auto task = MakeTask(static_cast<std::size_t>(play - round_->plays.begin()), worker, share);
      round_->tasks[task.task].deadline = now + kTaskTimeout;
      SendTo(out, address, {RoleKind::kShard, shard}, task);
      ++in_hand[worker];
    }
  }
}

EvaluationTask EvaluationScheduler::MakeTask(std::size_t index, std::uint64_t worker,
                                             std::size_t seeds) {
  Play& play = round_->plays[index];
  const ModelVersion player = play.evaluation.model;
  EvaluationTask task;
  task.task = settings_.tasks_before + ++tasks_;
  task.round = round_->number;
  task.worker = worker;
  task.player = player;
  task.epsilon = player.model == kRandomModel ? 1.0 : settings_.epsilon;
  task.max_steps = settings_.max_steps;
  const std::size_t count = std::min(seeds, play.to_assign.size());
  for (std::size_t i = 0; i < count; ++i) {
    task.seeds.push_back(play.to_assign.front());
    play.to_assign.pop_front();
  }
  // Against the teacher: everyone on the teacher's states, a student on its own as well.
  if (player.model != kRandomModel) {
    task.reference = round_->plays.front().evaluation.model;
    for (const auto& other : round_->plays) {
      const auto& model = other.evaluation.model;
      if (model.model == 0) continue;
      if (player.model == 0 || player.model == model.model) task.compare.push_back(model);
    }
  }
  Task& kept = round_->tasks[task.task];
  kept.worker = worker;
  kept.play = index;
  kept.open.insert(task.seeds.begin(), task.seeds.end());
  return task;
}

void EvaluationScheduler::FinishIfComplete(RoleAddress address, Outbox& out) {
  Round& round = *round_;
  for (const auto& play : round.plays) {
    if (play.played.size() < round.episodes) return;
  }
  RoundResult result;
  result.round = round.number;
  result.kind = round.kind;
  for (auto& play : round.plays) {
    for (const auto& [seed, episode_return] : play.played) {
      play.evaluation.returns.push_back(episode_return);
    }
    result.models.push_back(std::move(play.evaluation));
  }
  for (std::uint16_t shard = 0; shard < settings_.shards; ++shard) {
    SendTo(out, address, {RoleKind::kShard, shard}, EvaluationRelease{round.number});
  }
  finished_ = std::move(result);
  round_.reset();
}

std::vector<RoleAddress> EvaluationScheduler::MissingPins() const {
  std::vector<RoleAddress> missing;
  if (!round_ || round_->assigned_models || round_->kind == RoundKind::kRandom) return missing;
  for (const auto publisher : settings_.publishers) {
    if (!round_->answered.contains(publisher)) missing.push_back(publisher);
  }
  return missing;
}

std::size_t EvaluationScheduler::SeedsLeft() const {
  std::size_t left = 0;
  if (!round_) return left;
  for (const auto& play : round_->plays) left += play.to_assign.size();
  return left;
}

std::optional<RoundResult> EvaluationScheduler::TakeFinished() {
  auto result = std::move(finished_);
  finished_.reset();
  return result;
}

}  // namespace stillhouse
