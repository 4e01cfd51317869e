#include "actors/behaviour.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "actors/env/environment_factory.h"
#include "tests/actors/actor_test_config.h"

namespace stillhouse::actors {
namespace {

/// A head alone: its outputs are its biases, so that it always prefers `action`.
std::vector<float> Prefers(std::int32_t action) {
  std::vector<float> parameters(4 * 2 + 2, 0.0F);
  parameters[8 + static_cast<std::size_t>(action)] = 1.0F;
  return parameters;
}

/// Two policies that never agree: the own one pushes left, the guest right.
class BehaviourTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kEnvironments = 64;

  Behaviour Make(std::optional<Schedule> share) {
    BehaviourSettings settings;
    settings.exploration.from = settings.exploration.to = 0;
    settings.guest_share = share;
    settings.chunk = {static_cast<std::size_t>(environment_.observation.PackedBytes()), 8, 1, 0.99};
    std::vector<std::unique_ptr<Environment>> environments;
    for (std::size_t e = 0; e < kEnvironments; ++e) {
      environments.push_back(MakeEnvironment("classic/cart_pole"));
    }
    Behaviour behaviour(settings, std::move(environments));
    behaviour.SetNetwork(network_, Prefers(0), 1);
    return behaviour;
  }
  /// Actions of the chunks that `steps` steps from `frames` on complete.
  static std::vector<std::int32_t> Play(Behaviour& behaviour, int steps, std::uint64_t frames) {
    std::vector<std::int32_t> actions;
    for (int i = 0; i < steps; ++i) {
      for (const auto& chunk : behaviour.Step(frames)) {
        actions.insert(actions.end(), chunk.actions.begin(), chunk.actions.end());
      }
    }
    return actions;
  }
  static double ShareOfGuest(const std::vector<std::int32_t>& actions) {
    return static_cast<double>(std::count(actions.begin(), actions.end(), 1)) /
           static_cast<double>(actions.size());
  }

  const EnvironmentSpec environment_ = MakeEnvironment("classic/cart_pole")->Spec();
  const NetworkSpec network_ =
      NetworkSpec::Create({{.kind = LayerKind::kQHead}}, environment_.observation, 2);
};

TEST_F(BehaviourTest, WithoutAGuestOnePolicyPlaysEverything) {
  Behaviour behaviour = Make(std::nullopt);
  EXPECT_EQ(ShareOfGuest(Play(behaviour, 200, 0)), 0);
}

TEST_F(BehaviourTest, TheGuestPlaysItsShareOfTheEpisodesAndTheShareMoves) {
  Behaviour behaviour = Make(Schedule(0, 0.5, 1000));
  behaviour.SetGuest(network_, Prefers(1), 1);
  EXPECT_EQ(ShareOfGuest(Play(behaviour, 200, 0)), 0);
  Play(behaviour, 50, 1000);  // episodes of some ten steps: those that had begun are over
  const auto actions = Play(behaviour, 400, 1000);
  // Over 2 000 episodes of one length for both, by the symmetry of the pole: sd 0.011 or less.
  EXPECT_NEAR(ShareOfGuest(actions), 0.5, 0.05);
}

TEST_F(BehaviourTest, AGuestThatHasNoWeightsYetIsStoodInFor) {
  Behaviour behaviour = Make(Schedule(1.0));
  EXPECT_EQ(ShareOfGuest(Play(behaviour, 100, 0)), 0);
  behaviour.SetGuest(network_, Prefers(1), 7);
  EXPECT_EQ(behaviour.GuestVersion(), 7U);
  Play(behaviour, 20, 0);
  EXPECT_EQ(ShareOfGuest(Play(behaviour, 100, 0)), 1);
}

TEST_F(BehaviourTest, AnEpisodeHasOnePlayerFromItsBeginningToItsEnd) {
  Behaviour behaviour = Make(Schedule(0.5));
  behaviour.SetGuest(network_, Prefers(1), 1);
  int both = 0;
  for (int i = 0; i < 300; ++i) {
    for (const auto& chunk : behaviour.Step(0)) {
      for (std::size_t step = 1; step < chunk.actions.size(); ++step) {
        if (chunk.flags[step - 1] == 0 && chunk.actions[step] != chunk.actions[step - 1]) ++both;
      }
    }
  }
  EXPECT_EQ(both, 0);
}

TEST_F(BehaviourTest, InitialPrioritiesAreThoseOfTheModelThatActsWhoeverPlays) {
  Behaviour behaviour = Make(Schedule(1.0));
  behaviour.SetGuest(network_, Prefers(1), 1);
  std::size_t seen = 0;
  for (int i = 0; i < 40; ++i) {
    for (const auto& chunk : behaviour.Step(0)) {
      for (std::size_t item = 0; item < chunk.td_errors.size(); ++item) {
        const bool last = chunk.flags[item] != 0;
        // Of the own network Q(s, right) = 0, and the best of the next state is 1.
        EXPECT_NEAR(chunk.td_errors[item], last ? 1.0 : 1.99, 1e-5);
        ++seen;
      }
    }
  }
  EXPECT_GT(seen, 1000U);
}

}  // namespace
}  // namespace stillhouse::actors
