#include "actors/evaluation_runner.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "actors/env/environment_factory.h"
#include "common/model/parameters.h"

namespace stillhouse::actors {
namespace {

std::unique_ptr<Environment> Breakout() { return MakeEnvironment("minatar/breakout"); }

EvaluationModel RandomNetwork(std::uint64_t seed) {
  const auto environment = Breakout();
  const auto spec =
      NetworkSpec::Create({{.kind = LayerKind::kFlatten},
                           {.kind = LayerKind::kLinear, .units = 16},
                           {.kind = LayerKind::kRelu},
                           {.kind = LayerKind::kQHead}},
                          environment->Spec().observation, environment->Spec().num_actions);
  Rng rng(seed);
  auto network = std::make_shared<NativeNetwork>(spec);
  network->SetParameters(InitialParameters(spec, rng));
  return {network, 0.5, false};
}

EvaluationTask Task(std::size_t seeds) {
  EvaluationTask task;
  task.task = 5;
  task.round = 2;
  task.player = {1, 10, 100};
  task.epsilon = 0.2;
  task.max_steps = 300;
  for (std::size_t i = 0; i < seeds; ++i) task.seeds.push_back(1000 + i * 7);
  task.reference = {0, 20, 0};
  task.compare = {{1, 10, 100}, {2, 30, 0}};
  return task;
}

EvaluationResult Play(const EvaluationTask& task, std::size_t parallel) {
  EvaluationModels models;
  models.player = RandomNetwork(1);
  models.reference = RandomNetwork(2);
  models.compare = {RandomNetwork(1), RandomNetwork(3)};
  EvaluationRunner runner(task, models, Breakout, parallel);
  while (runner.Step()) {
  }
  return runner.TakeResult();
}

TEST(EvaluationRunnerTest, TheResultDoesNotDependOnHowManySeedsArePlayedAtOnce) {
  const auto task = Task(12);
  const auto alone = Play(task, 1);
  ASSERT_EQ(alone.episodes.size(), 12U);
  for (const std::size_t parallel : {3U, 5U, 32U}) {
    const auto together = Play(task, parallel);
    for (std::size_t i = 0; i < 12; ++i) {
      EXPECT_EQ(together.episodes[i].seed, task.seeds[i]);
      EXPECT_EQ(together.episodes[i].episode_return, alone.episodes[i].episode_return);
      EXPECT_EQ(together.episodes[i].length, alone.episodes[i].length);
    }
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(together.comparisons[i].states, alone.comparisons[i].states);
      EXPECT_EQ(together.comparisons[i].agreeing, alone.comparisons[i].agreeing);
      EXPECT_EQ(together.comparisons[i].regret, alone.comparisons[i].regret);
      EXPECT_EQ(together.comparisons[i].kl, alone.comparisons[i].kl);
      EXPECT_EQ(together.comparisons[i].gap, alone.comparisons[i].gap);
      EXPECT_EQ(together.comparisons[i].gap_agreeing, alone.comparisons[i].gap_agreeing);
      EXPECT_EQ(together.comparisons[i].q_error, alone.comparisons[i].q_error);
    }
  }
}

TEST(EvaluationRunnerTest, ASeedsEpisodeDoesNotDependOnTheOtherSeeds) {
  const auto all = Play(Task(9), 4);
  std::map<std::uint64_t, EvaluationEpisode> by_seed;
  for (const auto& episode : all.episodes) by_seed[episode.seed] = episode;
  auto fewer = Task(9);
  fewer.seeds = {fewer.seeds[7], fewer.seeds[2]};
  for (const auto& episode : Play(fewer, 2).episodes) {
    EXPECT_EQ(episode.episode_return, by_seed[episode.seed].episode_return);
    EXPECT_EQ(episode.length, by_seed[episode.seed].length);
  }
}

TEST(EvaluationRunnerTest, EveryVisitedStateIsComparedAndCountedOnce) {
  const auto result = Play(Task(6), 4);
  std::uint64_t steps = 0;
  for (const auto& episode : result.episodes) steps += episode.length;
  ASSERT_EQ(result.comparisons.size(), 2U);
  EXPECT_EQ(result.comparisons[0].states, steps);
  EXPECT_EQ(result.comparisons[1].states, steps);
  EXPECT_EQ(result.comparisons[1].model, 2);
  EXPECT_EQ(result.task, 5U);
  EXPECT_EQ(result.player, 1);
}

TEST(EvaluationRunnerTest, MaxStepsCutsAnEpisode) {
  auto task = Task(3);
  task.max_steps = 2;
  for (const auto& episode : Play(task, 32).episodes) EXPECT_LE(episode.length, 2U);
}

TEST(EvaluationRunnerTest, WithoutAPlayerActionsAreRandomAndRepeatable) {
  EvaluationTask task;
  task.player.model = kRandomModel;
  task.max_steps = 1000;
  task.seeds = {1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<float> returns;
  for (const std::size_t parallel : {1U, 8U}) {
    EvaluationRunner runner(task, {}, Breakout, parallel);
    while (runner.Step()) {
    }
    for (const auto& episode : runner.TakeResult().episodes) {
      returns.push_back(episode.episode_return);
    }
  }
  EXPECT_TRUE(std::equal(returns.begin(), returns.begin() + 8, returns.begin() + 8));
}

TEST(EvaluationRunnerTest, ComparesAStateAsTheFormulasSay) {
  const std::vector<float> teacher = {1, 3, 2};
  const std::vector<float> student = {0, 1, 2};
  const std::vector<std::int32_t> distinct = {0, 1, 2};
  Comparison sum;
  AddComparison(teacher, student, distinct, {nullptr, 2.0, false}, sum);
  EXPECT_EQ(sum.states, 1U);
  EXPECT_EQ(sum.agreeing, 0U);
  EXPECT_DOUBLE_EQ(sum.regret, (3.0 - 2.0) / (3.0 - 1.0));
  // p_t = softmax(0.5, 1.5, 1), p_s = softmax(0, 1, 2), the long way.
  const double zt = std::exp(0.5) + std::exp(1.5) + std::exp(1.0);
  const double zs = 1 + std::exp(1.0) + std::exp(2.0);
  const double expected = std::exp(0.5) / zt * std::log(std::exp(0.5) / zt / (1 / zs)) +
                          std::exp(1.5) / zt * std::log(std::exp(1.5) / zt / (std::exp(1.0) / zs)) +
                          std::exp(1.0) / zt * std::log(std::exp(1.0) / zt / (std::exp(2.0) / zs));
  EXPECT_NEAR(sum.kl, expected, 1e-12);
  EXPECT_DOUBLE_EQ(sum.gap, 3.0 - 2.0);
  EXPECT_EQ(sum.gap_agreeing, 0);
  // Advantages -1, 1, 0 and -1, 0, 1: off by 0, 1, 1.
  EXPECT_NEAR(sum.q_error, 2.0 / 3, 1e-12);

  Comparison both;
  AddComparison(teacher, teacher, distinct, {nullptr, 2.0, true}, both);
  EXPECT_NEAR(both.kl, 0, 1e-15);
  EXPECT_EQ(both.agreeing, 1U);
  EXPECT_EQ(both.regret, 0);
  EXPECT_EQ(both.gap_agreeing, both.gap);
  EXPECT_EQ(both.q_error, 0);
}

TEST(EvaluationRunnerTest, EquivalentActionsAgreeAndFlatValuesHaveNoRegret) {
  const std::vector<float> teacher = {1, 1, 1};
  const std::vector<float> student = {0, 0, 1};
  const std::vector<std::int32_t> same_as_noop = {0, 1, 0};
  Comparison sum;
  AddComparison(teacher, student, same_as_noop, {nullptr, 1.0, false}, sum);
  EXPECT_EQ(sum.agreeing, 1U);
  EXPECT_EQ(sum.regret, 0);
}

TEST(EvaluationRunnerTest, TheGapIsToTheBestActionThatIsNotEquivalentAndOffsetsAreNoError) {
  const std::vector<float> teacher = {5, 4, 1};
  const std::vector<float> student = {105, 104, 101};
  Comparison sum;
  AddComparison(teacher, student, std::vector<std::int32_t>{0, 0, 2}, {nullptr, 1.0, false}, sum);
  EXPECT_EQ(sum.gap, 4);
  EXPECT_EQ(sum.gap_agreeing, 4);
  EXPECT_NEAR(sum.q_error, 0, 1e-12);
  Comparison alike;
  AddComparison(teacher, student, std::vector<std::int32_t>{0, 0, 0}, {nullptr, 1.0, false}, alike);
  EXPECT_EQ(alike.gap, 0) << "no action differs from the best one";
}

TEST(EvaluationRunnerTest, ExtremeValuesGiveFiniteSums) {
  Comparison sum;
  AddComparison(std::vector<float>{1e4F, -1e4F}, std::vector<float>{-1e4F, 1e4F},
                std::vector<std::int32_t>{0, 1}, {nullptr, 0.01, false}, sum);
  EXPECT_TRUE(std::isfinite(sum.kl));
  EXPECT_NEAR(sum.kl, 2e4, 1);
}

}  // namespace
}  // namespace stillhouse::actors
