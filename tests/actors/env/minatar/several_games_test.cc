#include "actors/env/minatar/several_games.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/env/environment_factory.h"
#include "common/base/context.h"
#include "tests/support/environment_conformance.h"

namespace stillhouse::actors {
namespace {

using ::testing::HasSubstr;

SeveralGamesSettings Of(std::vector<std::string> games, std::int32_t channels = 0) {
  return {.games = std::move(games), .channels = channels};
}

std::string MessageFor(const SeveralGamesSettings& settings) {
  try {
    SeveralGames games(settings, {});
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

std::uint8_t ContextShown(const Environment& environment) {
  return ContextsOf(environment.Spec().observation, ObservationOf(environment)).at(0);
}

/// One action of those that a random player takes, the same in both environments.
std::int32_t Drawn(Rng& rng) { return static_cast<std::int32_t>(rng.Below(kMinAtarActions)); }

TEST(SeveralGamesTest, PassesTheConformanceSuite) {
  for (const auto& games :
       {Of({"breakout", "freeway"}), Of({"asterix"}, 12), SeveralGamesSettings{}}) {
    CheckEnvironmentConformance(
        [&] { return std::make_unique<SeveralGames>(games, MinAtarOptions{}); });
  }
}

TEST(SeveralGamesTest, HasThePlanesOfItsLargestGameAndTheActionsOfAll) {
  const SeveralGames two(Of({"breakout", "freeway"}), {});
  EXPECT_EQ(two.Spec().observation.ToString(), "bits[7,10,10] of 5 contexts");
  EXPECT_EQ(two.Spec().canonical_action, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 0}))
      << "breakout has left and right, freeway up and down";
  EXPECT_EQ(SeveralGames({}, {}).Spec().observation.shape[0], 10);
  EXPECT_EQ(SeveralGames(Of({"breakout"}, 7), {}).Spec().observation, two.Spec().observation);
}

// The episodes of one game, taken together, are those that it has alone with the same seed and
// actions.
TEST(SeveralGamesTest, EachGameIsBitForBitWhatItIsAlone) {
  const std::vector<std::string> names(kMinAtarGames.begin(), kMinAtarGames.end());
  std::set<std::uint8_t> seen;
  for (const std::uint64_t seed : {3ULL, 4ULL, 5ULL, 6ULL, (7ULL << 40) + 5}) {
    SeveralGames several(Of(names, 11), {});
    std::map<std::uint8_t, std::unique_ptr<Environment>> alone;
    for (const std::string& name : names) {
      alone[*GameNumber(name)] = MakeEnvironment("minatar/" + name);
    }
    for (auto& [number, game] : alone) game->Seed(seed);
    several.Seed(seed);
    Rng rng(seed);
    for (int episode = 0; episode < 400; ++episode) {
      several.Reset();
      Environment& game = *alone.at(several.Context());
      game.Reset();
      seen.insert(several.Context());
      for (bool done = false; !done;) {
        const auto shown = ObservationOf(several);
        const auto expected = ObservationOf(game);
        ASSERT_TRUE(std::equal(expected.begin(), expected.end(), shown.begin()));
        ASSERT_TRUE(std::all_of(shown.begin() + static_cast<std::ptrdiff_t>(expected.size()),
                                shown.end() - 1, [](auto byte) { return byte == 0; }));
        ASSERT_EQ(shown.back(), several.Context());
        const std::int32_t action = Drawn(rng);
        const StepResult one = several.Step(action), other = game.Step(action);
        ASSERT_EQ(one.reward, other.reward);
        ASSERT_EQ(one.terminated, other.terminated);
        done = one.Done();
      }
    }
  }
  EXPECT_EQ(seen.size(), names.size());
}

TEST(SeveralGamesTest, TheFirstGameIsDrawnBySeedAndEveryOneComes) {
  SeveralGames games(Of({"breakout", "freeway", "seaquest"}), {});
  SeveralGames again(Of({"breakout", "freeway", "seaquest"}), {});
  std::map<std::uint8_t, int> counts;
  for (std::uint64_t seed = 0; seed < 3000; ++seed) {
    games.Seed(seed);
    games.Reset();
    again.Seed(seed);
    again.Reset();
    ASSERT_EQ(games.Context(), again.Context());
    ++counts[ContextShown(games)];
  }
  EXPECT_EQ(counts.size(), 3U);
  // Each is 1000 with a standard deviation of 26.
  for (const auto& [context, count] : counts) EXPECT_NEAR(count, 1000, 130) << int{context};
}

TEST(SeveralGamesTest, GamesShareTheStepsAndNoEpisodeIsCut) {
  SeveralGames games(Of({"breakout", "freeway"}), {});
  std::map<std::uint8_t, double> steps;
  Rng rng(12);
  // Over environments as well as over time: a turn is long.
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    games.Seed(seed);
    games.Reset();
    std::uint8_t before = games.Context();
    for (int step = 0; step < 12000; ++step) {
      ++steps[games.Context()];
      const bool done = games.Step(Drawn(rng)).Done();
      ASSERT_EQ(games.Context(), before);
      if (done) games.Reset();
      before = games.Context();
    }
  }
  // About 290 turns: a standard deviation of 0.03 of the share.
  const double all = steps[0] + steps[2];
  EXPECT_NEAR(steps[0] / all, 0.5, 0.12);
}

TEST(SeveralGamesTest, EvaluationMayPlaySomeOfThemOnTheSameObservation) {
  EnvironmentOptions options;
  options.several = Of({"breakout", "freeway"});
  options.several.evaluate = {"breakout"};
  const EnvironmentMaker make("minatar/several", options);
  const auto training = make(EnvironmentUse::kTraining);
  const auto evaluation = make(EnvironmentUse::kEvaluation);
  EXPECT_EQ(evaluation->Spec().observation, training->Spec().observation);
  std::set<std::uint8_t> trained, evaluated;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    for (Environment* each : {training.get(), evaluation.get()}) {
      each->Seed(seed);
      each->Reset();
    }
    trained.insert(ContextShown(*training));
    evaluated.insert(ContextShown(*evaluation));
  }
  EXPECT_EQ(trained, (std::set<std::uint8_t>{0, 2}));
  EXPECT_EQ(evaluated, std::set<std::uint8_t>{0});
}

TEST(SeveralGamesTest, GamesThatCannotBePlayedAreRefused) {
  EXPECT_THAT(MessageFor(Of({})), HasSubstr("there is no game to play"));
  EXPECT_THAT(MessageFor(Of({"pong"})),
              HasSubstr("no game is 'pong'; there are breakout, asterix"));
  EXPECT_THAT(MessageFor(Of({"asterix", "asterix"})), HasSubstr("'asterix' is given twice"));
  EXPECT_THAT(MessageFor(Of({"breakout", "freeway"}, 6)),
              HasSubstr("6 channels, and breakout, freeway need 7"));
  SeveralGamesSettings other = Of({"breakout"});
  other.evaluate = {"freeway"};
  EXPECT_THAT(MessageFor(other), HasSubstr("'freeway' is to be evaluated and is not played"));
}

TEST(SeveralGamesTest, ABrokenSaveIsRefused) {
  SeveralGames games(Of({"breakout", "asterix"}), {});
  games.Seed(1);
  games.Reset();
  const auto saved = SaveOf(games);
  auto broken = saved;
  broken[33] = 2;  // behind four words and a flag: the present game, of two
  EXPECT_THROW(LoadInto(games, broken), WireError);
  broken = saved;
  broken[32] = 7;
  EXPECT_THROW(LoadInto(games, broken), WireError);
  broken = saved;
  broken[44] = 0xff;  // the steps, below 0
  EXPECT_THROW(LoadInto(games, broken), WireError);
  LoadInto(games, saved);
}

}  // namespace
}  // namespace stillhouse::actors
