// The rules row by row are checked by the traces (tests/conformance_suite); here is what they do
// not show.
#include <cmath>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "actors/env/minatar/asterix.h"
#include "actors/env/minatar/breakout.h"
#include "actors/env/minatar/freeway.h"
#include "actors/env/minatar/seaquest.h"
#include "actors/env/minatar/space_invaders.h"
#include "tests/support/environment_conformance.h"

namespace stillhouse::actors {
namespace {

template <typename Game>
class MinAtarGameTest : public testing::Test {};

using Games = testing::Types<Breakout, Asterix, Freeway, Seaquest, SpaceInvaders>;
TYPED_TEST_SUITE(MinAtarGameTest, Games);

TYPED_TEST(MinAtarGameTest, PassesTheConformanceSuite) {
  CheckEnvironmentConformance([] { return std::make_unique<TypeParam>(); });
  CheckEnvironmentConformance([] {
    return std::make_unique<TypeParam>(
        MinAtarOptions{.sticky_action_prob = 0, .difficulty_ramping = false});
  });
}

// Equal for `agreement` means equal for the game: replacing each action by its canonical one
// changes nothing that is to be seen.
TYPED_TEST(MinAtarGameTest, CanonicalActionsDoTheSame) {
  TypeParam game, canonical;
  Rng rng(8);
  for (Environment* each :
       {static_cast<Environment*>(&game), static_cast<Environment*>(&canonical)}) {
    each->Seed(21);
    each->Reset();
  }
  for (int i = 0; i < 1000; ++i) {
    const auto action = static_cast<std::int32_t>(rng.Below(kMinAtarActions));
    const StepResult result = game.Step(action);
    const StepResult other =
        canonical.Step(game.Spec().canonical_action[static_cast<std::size_t>(action)]);
    ASSERT_EQ(result.reward, other.reward);
    ASSERT_EQ(result.terminated, other.terminated);
    ASSERT_EQ(ObservationOf(game), ObservationOf(canonical));
    if (result.Done()) {
      game.Reset();
      canonical.Reset();
    }
  }
}

TYPED_TEST(MinAtarGameTest, EveryBrokenByteOfASaveIsRefusedOrPlayable) {
  TypeParam game;
  game.Seed(2);
  game.Reset();
  Play(game, 1, 60);
  const auto saved = SaveOf(game);
  const std::size_t state_begin = 624 * 4;  // any words make a stream
  for (std::size_t i = state_begin; i < saved.size(); ++i) {
    auto broken = saved;
    broken[i] = static_cast<std::uint8_t>(broken[i] ^ 0x5a);
    TypeParam other;
    try {
      LoadInto(other, broken);
    } catch (const WireError&) {
      continue;
    }
    Play(other, 2, 40);
  }
}

std::vector<float> Unpacked(const Environment& game) {
  const TensorSpec& spec = game.Spec().observation;
  std::vector<float> values(static_cast<std::size_t>(spec.Elements()));
  Unpack(spec, ObservationOf(game).data(), values.data());
  return values;
}

TEST(BreakoutTest, StartsWithThreeRowsOfBricksAndTheBallAtAWall) {
  Breakout game;
  game.Seed(0);
  game.Reset();
  const auto values = Unpacked(game);
  double bricks = 0;
  for (std::size_t i = 300; i < 400; ++i) bricks += static_cast<double>(values[i]);
  EXPECT_EQ(bricks, 30);
  EXPECT_EQ(values[9 * 10 + 4], 1) << "the paddle";
  EXPECT_EQ(values[100 + 30] + values[100 + 39], 1) << "the ball";
}

TEST(FreewayTest, EpisodeLasts2501Steps) {
  Freeway game;
  game.Seed(0);
  game.Reset();
  int length = 1;
  while (!game.Step(kUp).Done()) ++length;
  EXPECT_EQ(length, 2501);
}

TEST(MinAtarEnvironmentTest, StickyActionReachesOverTheEndOfAnEpisodeButNotOverASeed) {
  Breakout game({.sticky_action_prob = 1});
  game.Reset();
  game.Step(kLeft);
  EXPECT_EQ(game.LastAction(), kNoOp) << "always the action before, from no-op on";
  Breakout free({.sticky_action_prob = 0});
  free.Reset();
  free.Step(kLeft);
  free.Reset();
  EXPECT_EQ(free.LastAction(), kLeft);
  free.Seed(1);
  EXPECT_EQ(free.LastAction(), kNoOp);
}

TEST(MinAtarEnvironmentTest, ActionsAreStickyAsOftenAsTheyShould) {
  Freeway game;
  game.Seed(3);
  game.Reset();
  int repeated = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::int32_t action = (game.LastAction() + 1) % kMinAtarActions;
    game.Step(action);
    if (game.LastAction() != action) ++repeated;
  }
  EXPECT_NEAR(repeated, 200, 54);  // four standard deviations of a binomial count
}

TEST(MinAtarEnvironmentTest, EndedGameStaysAsItIsAndStillDraws) {
  Breakout game;
  game.Seed(4);
  game.Reset();
  while (!game.Step(kNoOp).Done()) {
  }
  const auto last = ObservationOf(game);
  MinAtarStream stream = game.Stream();
  const StepResult again = game.Step(kRight);
  EXPECT_TRUE(again.terminated);
  EXPECT_EQ(again.reward, 0);
  EXPECT_EQ(ObservationOf(game), last);
  stream.Random();
  MinAtarStream after = game.Stream();
  EXPECT_EQ(after.Next(), stream.Next());
}

TEST(MinAtarEnvironmentTest, SeedFoldsTheUpperHalfIn) {
  Breakout game;
  game.Seed((std::uint64_t{1} << 32) | 2);
  MinAtarStream found = game.Stream();
  EXPECT_EQ(found.Next(), MinAtarStream(3).Next());
}

TEST(MinAtarEnvironmentTest, RefusesAChanceThatIsNone) {
  EXPECT_THROW(Breakout({.sticky_action_prob = 1.5}), ConfigError);
  EXPECT_THROW(Breakout({.sticky_action_prob = std::nan("")}), ConfigError);
}

}  // namespace
}  // namespace stillhouse::actors
