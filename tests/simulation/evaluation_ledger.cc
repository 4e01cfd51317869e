#include "tests/simulation/evaluation_ledger.h"

#include <algorithm>
#include <cmath>

#include "common/run/evaluation_scheduler.h"

namespace stillhouse::simulation {

void EvaluationLedger::OnTask(const EvaluationTask& task) {
  Play& play = rounds_[task.round][task.player.model];
  asked_.insert(task.task);
  play.asked.insert(task.seeds.begin(), task.seeds.end());
}

bool EvaluationLedger::OnResult(const EvaluationResult& result) {
  // A worker from outside may still answer what the life before asked it; that must not count.
  if (!asked_.contains(result.task)) return false;
  Play& play = rounds_[result.round][result.player];
  for (const auto& episode : result.episodes) {
    ++episodes_played_;
    if (!play.asked.contains(episode.seed)) {
      world_.Violation(fmt::format("round {}: seed {} was played and not asked for", result.round,
                                   episode.seed));
    }
    const auto [known, fresh] = play.returns.emplace(episode.seed, episode.episode_return);
    if (!fresh && known->second != episode.episode_return) {
      world_.Violation(fmt::format("round {}: model {} on seed {} returns {} and then {}",
                                   result.round, result.player, episode.seed, known->second,
                                   episode.episode_return));
    }
  }
  return !answered_.insert(result.task).second;
}

void EvaluationLedger::CheckSeeds(std::uint32_t round, std::uint16_t model, const Play& play) {
  const auto same_as = [&](RoundKind kind, std::uint32_t count) {
    const auto list = EvaluationScheduler::Seeds(run_seed_, kind, count);
    return play.asked == std::set<std::uint64_t>(list.begin(), list.end());
  };
  if (same_as(RoundKind::kPeriodic, episodes_) || same_as(RoundKind::kFinal, final_episodes_)) {
    return;
  }
  world_.Violation(fmt::format("round {}: model {} was asked to play {} seeds, which are no list",
                               round, model, play.asked.size()));
}

void EvaluationLedger::CheckMean(const std::string& what, const Play& play, double mean,
                                 std::size_t episodes) {
  double sum = 0;
  for (const auto& [seed, episode_return] : play.returns) sum += episode_return;
  const double expected = sum / static_cast<double>(std::max<std::size_t>(1, play.returns.size()));
  if (play.returns.size() != play.asked.size() || episodes != play.asked.size()) {
    world_.Violation(fmt::format("{}: {} seeds asked for, {} played, {} counted", what,
                                 play.asked.size(), play.returns.size(), episodes));
  }
  if (std::abs(expected - mean) > 1e-9 * std::max(1.0, std::abs(expected))) {
    world_.Violation(fmt::format("{}: mean {}, the seeds' mean is {}", what, mean, expected));
  }
}

void EvaluationLedger::OnScoreboard(const Scoreboard& board) {
  ++scoreboards_;
  const auto found = rounds_.find(released_);
  if (found == rounds_.end()) {
    return world_.Violation(
        fmt::format("a scoreboard of round {}, of which nothing was asked", released_));
  }
  for (const auto& [model, play] : found->second) {
    CheckSeeds(released_, model, play);
    const std::string& name = models_.at(model);
    const auto row = std::find_if(board.models.begin(), board.models.end(),
                                  [&name](const auto& score) { return score.name == name; });
    if (row == board.models.end()) {
      world_.Violation(fmt::format("round {}: no row of {}", released_, name));
      continue;
    }
    CheckMean(fmt::format("round {}, {}", released_, row->name), play, row->returns.mean,
              static_cast<std::size_t>(row->returns.episodes));
  }
}

void EvaluationLedger::OnEnd(const Scoreboard& board) {
  for (const auto& [round, plays] : rounds_) {
    const auto random = plays.find(kRandomModel);
    if (random == plays.end() || !over_.contains(round)) continue;
    CheckMean("random actions", random->second, board.random_return, random->second.asked.size());
  }
}

}  // namespace stillhouse::simulation
