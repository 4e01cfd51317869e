#include "cli/episode_player.h"

#include <algorithm>
#include <atomic>
#include <future>

#include "actors/evaluation_runner.h"

namespace stillhouse::cli {
namespace {

using actors::EvaluationModel;
using actors::EvaluationModels;
using actors::EvaluationRunner;

EvaluationModel Load(const PlayingModel& model) {
  auto network = std::make_shared<NativeNetwork>(model.network);
  network->SetParameters(model.parameters);
  return {network, model.loss.temperature.to, model.loss.temper == Temper::kBoth};
}

ModelVersion Number(std::size_t model) { return {static_cast<std::uint16_t>(model), 0, 0}; }

/// Plays one task; its networks are its own, for those are not thread-safe.
EvaluationResult Play(EvaluationTask task, const std::vector<PlayingModel>& models,
                      const PlaySettings& settings) {
  EvaluationModels playing;
  if (task.player.model != kRandomModel) playing.player = Load(models[task.player.model]);
  if (!task.compare.empty()) playing.reference = Load(models[task.reference.model]);
  for (const auto& other : task.compare) playing.compare.push_back(Load(models[other.model]));
  EvaluationRunner runner(std::move(task), std::move(playing), settings.make_environment);
  while (runner.Step()) {
  }
  return runner.TakeResult();
}

/// Tasks of as many seeds as are played at once, in the seeds' order: sums do not depend on the
/// number of threads.
void AddTasks(std::uint16_t player, std::size_t models, const PlaySettings& settings,
              std::vector<EvaluationTask>& tasks) {
  for (std::size_t begin = 0; begin < settings.seeds.size();
       begin += EvaluationRunner::kMaxParallel) {
    const std::size_t end = std::min(begin + EvaluationRunner::kMaxParallel, settings.seeds.size());
    EvaluationTask task;
    task.player.model = player;
    task.epsilon = player == kRandomModel ? 1.0 : settings.epsilon;
    task.max_steps = settings.max_steps;
    task.seeds.assign(settings.seeds.begin() + static_cast<std::ptrdiff_t>(begin),
                      settings.seeds.begin() + static_cast<std::ptrdiff_t>(end));
    for (std::size_t other = 1; other < models; ++other) {
      if (player == 0 || player == other) task.compare.push_back(Number(other));
    }
    tasks.push_back(std::move(task));
  }
}

std::vector<EvaluationResult> PlayTasks(const std::vector<EvaluationTask>& tasks,
                                        const std::vector<PlayingModel>& models,
                                        const PlaySettings& settings) {
  std::vector<EvaluationResult> results(tasks.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < tasks.size(); i = next++) {
      results[i] = Play(tasks[i], models, settings);
    }
  };
  std::vector<std::future<void>> threads;
  for (std::size_t i = 1; i < std::min(settings.threads, tasks.size()); ++i) {
    threads.push_back(std::async(std::launch::async, work));
  }
  work();
  for (auto& thread : threads) thread.get();  // hands on what it threw
  return results;
}

void Append(const EvaluationResult& result, PlayedSeeds& played) {
  played.episodes.insert(played.episodes.end(), result.episodes.begin(), result.episodes.end());
  if (played.comparisons.empty()) {
    played.comparisons = result.comparisons;
    return;
  }
  for (std::size_t i = 0; i < result.comparisons.size(); ++i) {
    played.comparisons[i].Add(result.comparisons[i]);
  }
}

}  // namespace

std::vector<PlayedSeeds> PlayAll(const std::vector<PlayingModel>& models,
                                 const PlaySettings& settings) {
  std::vector<EvaluationTask> tasks;
  for (std::size_t model = 0; model < models.size(); ++model) {
    AddTasks(static_cast<std::uint16_t>(model), models.size(), settings, tasks);
  }
  const auto results = PlayTasks(tasks, models, settings);
  std::vector<PlayedSeeds> played(models.size());
  for (const auto& result : results) Append(result, played[result.player]);
  return played;
}

std::vector<EvaluationEpisode> PlayRandom(const PlaySettings& settings) {
  std::vector<EvaluationTask> tasks;
  AddTasks(kRandomModel, 0, settings, tasks);
  PlayedSeeds played;
  for (const auto& result : PlayTasks(tasks, {}, settings)) Append(result, played);
  return played.episodes;
}

}  // namespace stillhouse::cli
