// Who plays where actions are illegal. The environment refuses an illegal one, so that every run to
// the end of a test is a check too.
#include <gtest/gtest.h>

#include "actors/behaviour.h"
#include "actors/evaluation_runner.h"
#include "tests/support/masked_walk.h"

namespace stillhouse::actors {
namespace {

using testing_support::HeadOf;
using testing_support::MaskedWalk;

NetworkSpec HeadNetwork() {
  return NetworkSpec::Create({{.kind = LayerKind::kQHead}}, MaskedWalk().Spec().observation, 3);
}

Behaviour Make(double epsilon) {
  BehaviourSettings settings;
  settings.exploration.from = settings.exploration.to = epsilon;
  settings.guest_share = Schedule(0.5);
  settings.chunk = {static_cast<std::size_t>(MaskedWalk().Spec().observation.PackedBytes()), 8, 1,
                    0.5};
  std::vector<std::unique_ptr<Environment>> environments;
  for (int e = 0; e < 8; ++e) environments.push_back(std::make_unique<MaskedWalk>());
  return Behaviour(settings, std::move(environments));
}

TEST(MaskedPlayTest, WithoutANetworkPlayIsRandomOverTheLegalActions) {
  Behaviour behaviour = Make(1);
  std::array<int, 3> counts{};
  for (int step = 0; step < 500; ++step) {
    for (const auto& chunk : behaviour.Step(0)) {
      for (const std::int32_t action : chunk.actions) ++counts.at(static_cast<std::size_t>(action));
    }
  }
  const double all = counts[0] + counts[1] + counts[2];
  EXPECT_NEAR(counts[0] / all, 0.25, 0.05);
  EXPECT_NEAR(counts[1] / all, 0.5, 0.05);
}

TEST(MaskedPlayTest, GreedyPlayAndInitialPrioritiesGoByTheGreatestLegalValue) {
  Behaviour behaviour = Make(0);
  behaviour.SetNetwork(HeadNetwork(), HeadOf({0, 1, 5}), 1);
  behaviour.SetGuest(HeadNetwork(), HeadOf({0, 1, 5}), 1);
  std::size_t items = 0;
  for (int step = 0; step < 200; ++step) {
    for (const auto& chunk : behaviour.Step(0)) {
      for (std::size_t i = 0; i < chunk.td_errors.size(); ++i, ++items) {
        const bool even = chunk.actions[i] == 1;  // legal: 1 and 0; in odd steps 1 and 2
        // even: reward 1, next value 5, own value 1; odd: reward 0, next value 1, own value 5.
        EXPECT_NEAR(chunk.td_errors[i], even ? 1 + 0.5 * 5 - 1 : 5 - 0.5 * 1, 1e-5);
      }
    }
  }
  EXPECT_GT(items, 1000U);
}

TEST(MaskedPlayTest, EvaluationComparesLegalActionsAlone) {
  const auto model = [](const std::array<float, 3>& biases) {
    auto network = std::make_shared<NativeNetwork>(HeadNetwork());
    network->SetParameters(HeadOf(biases));
    return EvaluationModel{network, 1.0, false};
  };
  EvaluationTask task;
  task.max_steps = 100;
  task.seeds = {1, 2, 3};
  task.player = {0, 1, 0};
  task.reference = {0, 1, 0};
  // One chooses like the reference among what is legal, and would not without the mask; the other
  // differs in odd steps.
  task.compare = {{1, 1, 0}, {2, 1, 0}};
  EvaluationModels models;
  models.player = models.reference = model({0, 1, 5});
  models.compare = {model({0, 1, 2}), model({0, 1, 0.5F})};
  for (const double epsilon : {0.0, 0.5}) {
    task.epsilon = epsilon;
    EvaluationRunner runner(task, models, [] { return std::make_unique<MaskedWalk>(); });
    while (runner.Step()) {
    }
    const auto result = runner.TakeResult();
    EXPECT_EQ(result.comparisons[0].states, 30U);
    EXPECT_EQ(result.comparisons[0].agreeing, 30U);
    EXPECT_EQ(result.comparisons[1].agreeing, 15U);
    // In odd steps legal are 1 (the reference's 1) and 2 (5): all of its spread is lost.
    EXPECT_NEAR(result.comparisons[1].regret, 15.0, 1e-6);
    if (epsilon == 0) {
      EXPECT_EQ(result.episodes[0].episode_return, 5);
    }
  }
}

}  // namespace
}  // namespace stillhouse::actors
