#include "cli/eval_command.h"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include "actors/env/environment_factory.h"
#include "actors/environment_options.h"
#include "cli/episode_player.h"
#include "cli/eval_report.h"
#include "cli/job.h"
#include "cli/stored_model.h"
#include "cli/visited_states.h"
#include "common/base/error.h"
#include "common/run/evaluation_seeds.h"

namespace stillhouse::cli {
namespace {

constexpr std::uint32_t kDefaultMaxSteps = 10000;
/// As many as a run plays to know what random actions return.
constexpr std::size_t kRandomEpisodes = 1000;
constexpr std::size_t kSeedsOfATree = 210;

/// Where the models play: the one that the user names, or their runs' own.
EnvironmentSettings EnvironmentOf(const std::vector<StoredModel>& models,
                                  const std::string& named) {
  const StoredModel& first = models.front();
  if (!named.empty()) {
    EnvironmentSettings settings;
    // The same environment as the run's: its options too.
    if (first.config && first.config->env.id == named) settings = first.config->env;
    settings.id = named;
    return settings;
  }
  for (const auto& model : models) {
    if (!model.config) {
      throw ConfigError(
          fmt::format("{}: there is no config.yaml beside it; say --env ID", model.label));
    }
    if (!(model.config->env == first.config->env)) {
      throw ConfigError(
          fmt::format("{} learnt in {}, {} in {}, or with other options; say --env ID", first.label,
                      first.config->env.id, model.label, model.config->env.id));
    }
  }
  return first.config->env;
}

NativeNetwork NetworkOf(const StoredModel& model) {
  NativeNetwork network(model.network);
  network.SetParameters(model.parameters);
  return network;
}

PlayingModel Playing(const StoredModel& model) {
  PlayingModel playing{model.network, model.parameters, {}};
  playing.loss.temperature = 1;
  if (!model.config) return playing;
  for (const auto& student : model.config->students) {
    if (student.name == model.name) playing.loss = student.loss;
  }
  return playing;
}

std::vector<double> ReturnsOf(const std::vector<EvaluationEpisode>& episodes) {
  std::vector<double> returns;
  for (const auto& episode : episodes) {
    returns.push_back(static_cast<double>(episode.episode_return));
  }
  return returns;
}

EvaluatedModel Describe(const StoredModel& model, const PlayedSeeds& played,
                        const EvalOptions& options, std::uint32_t max_steps) {
  EvaluatedModel result;
  result.label = model.label;
  result.updates = model.updates;
  result.network = model.network.ToString();
  result.parameters = model.network.ParameterCount();
  result.macs = model.network.Macs();
  result.latency_us = MeasureLatency(model.network, options.seed);
  const std::vector<double> returns = ReturnsOf(played.episodes);
  Rng rng = MakeRng(options.seed, RngPurpose::kBootstrap);
  result.returns = SummariseReturns(returns, rng);
  const auto [low, high] = std::minmax_element(returns.begin(), returns.end());
  result.range = {*low, *high};
  double steps = 0;
  for (const auto& episode : played.episodes) {
    steps += episode.length;
    // One that ends by itself on the last step allowed counts too: nobody can tell.
    if (episode.length >= max_steps) ++result.cut;
  }
  result.steps_mean = steps / static_cast<double>(played.episodes.size());
  return result;
}

/// Sets every model against the first.
void CompareWithFirst(const std::vector<PlayedSeeds>& played, const EvalOptions& options,
                      EvaluationReport& report) {
  const std::vector<double> first = ReturnsOf(played.front().episodes);
  for (std::size_t i = 1; i < report.models.size(); ++i) {
    EvaluatedModel& model = report.models[i];
    Rng rng = MakeRng(options.seed, RngPurpose::kBootstrap, 1);
    model.paired = ComparePaired(ReturnsOf(played[i].episodes), first, rng);
    model.retention =
        Retention(model.returns.mean, report.models.front().returns.mean, report.random.mean);
    model.on_first_states = FidelityOf(played.front().comparisons.at(i - 1));
    model.on_own_states = FidelityOf(played[i].comparisons.front());
  }
}

/// Where the others choose otherwise than the first, and the first as a tree.
void Explain(const std::vector<StoredModel>& models, const actors::EnvironmentMaker& make,
             const PlaySettings& play, const EvalOptions& options, EvaluationReport& report) {
  if (options.disagreements == 0 && options.tree == 0) return;
  const auto reported = play.make_environment();
  NativeNetwork first = NetworkOf(models.front());
  const VisitedStates visited =
      Visit(*reported, first, PlaysBest, {.seeds = play.seeds, .max_steps = play.max_steps});
  for (std::size_t i = 1; i < models.size() && options.disagreements > 0; ++i) {
    NativeNetwork other = NetworkOf(models[i]);
    report.models[i].disagreements =
        FindDisagreements(visited, reported->Spec(), other, options.disagreements);
  }
  if (options.tree > 0) {
    // A seed from the list of random play, which no model has been measured on.
    const auto learning = make(actors::EnvironmentUse::kTraining);
    report.tree =
        DistilTree(first, *learning, *reported, visited,
                   {options.tree, EvaluationSeeds(options.seed, SeedList::kRandom, kSeedsOfATree),
                    play.seeds, play.max_steps});
  }
}

}  // namespace

int RunEval(const EvalOptions& options, std::ostream& out) {
  const auto weights =
      options.weights == "average" ? StoredWeights::kAverage : StoredWeights::kLast;
  std::vector<StoredModel> models;
  for (const auto& text : options.models) models.push_back(ReadStoredModel(text, weights));
  SH_CHECK(!models.empty());

  const EnvironmentSettings where = EnvironmentOf(models, options.environment);
  const actors::EnvironmentMaker make(where.id, actors::OptionsOf(where));
  PlaySettings play;
  play.make_environment = [&] { return make(actors::EnvironmentUse::kEvaluation); };
  const EnvironmentSpec environment = play.make_environment()->Spec();
  for (const auto& model : models) ExpectFits(model, environment);

  play.epsilon = options.epsilon;
  play.max_steps = kDefaultMaxSteps;
  if (models.front().config) {
    play.max_steps = static_cast<std::uint32_t>(models.front().config->evaluation.max_steps);
  }
  if (options.max_steps > 0) play.max_steps = options.max_steps;
  play.threads =
      options.threads > 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());

  EvaluationReport report{
      where.id, options.episodes, options.seed, options.epsilon, play.max_steps, {}, {}};
  play.seeds = EvaluationSeeds(options.seed, SeedList::kRandom, kRandomEpisodes);
  Rng rng = MakeRng(options.seed, RngPurpose::kBootstrap);
  report.random = SummariseReturns(ReturnsOf(PlayRandom(play)), rng);

  play.seeds = where.id.starts_with("data/")
                   ? ConsecutiveSeeds(options.seed, SeedList::kApart, options.episodes)
                   : EvaluationSeeds(options.seed, SeedList::kApart, options.episodes);
  std::vector<PlayingModel> playing;
  for (const auto& model : models) playing.push_back(Playing(model));
  const std::vector<PlayedSeeds> played = PlayAll(playing, play);
  for (std::size_t i = 0; i < models.size(); ++i) {
    report.models.push_back(Describe(models[i], played[i], options, play.max_steps));
  }
  CompareWithFirst(played, options, report);
  report.action_names = environment.action_names;
  Explain(models, make, play, options, report);
  options.json ? PrintEvaluationJson(report, out) : PrintEvaluation(report, out);
  return 0;
}

}  // namespace stillhouse::cli
