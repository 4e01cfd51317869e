#include "actors/env/box2d/lunar_lander.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/environment_conformance.h"

namespace stillhouse::actors {
namespace {

struct Episode {
  double episode_return = 0;
  int length = 0;
  float last_reward = 0;
  bool terminated = false;
};

/// policy(task): the action in the task's present state.
template <typename Policy>
Episode PlayEpisode(LunarLander& task, Policy&& policy) {
  Episode episode;
  task.Reset();
  StepResult result;
  while (!result.Done()) {
    result = task.Step(policy(task));
    episode.episode_return += static_cast<double>(result.reward);
    ++episode.length;
  }
  episode.last_reward = result.reward;
  episode.terminated = result.terminated;
  return episode;
}

/// Leans towards the pad as far as 0.4 rad, and burns when lower or faster than a cone over it
/// asks. The rule that Gymnasium's documentation of the task gives, which lands nearly always.
std::int32_t LandByRule(const LunarLander& task) {
  const auto& s = task.GetFeatures();
  const bool standing = s[6] + s[7] > 0;
  const double lean = std::clamp(0.5 * s[0] + s[2], -0.4, 0.4);
  const double turn = standing ? 0 : 0.5 * (lean - s[4]) - s[5];
  const double lift = standing ? -0.5 * s[3] : 0.5 * (0.55 * std::abs(s[0]) - s[1]) - 0.5 * s[3];
  if (lift > std::abs(turn) && lift > 0.05) return kMainEngine;
  if (turn < -0.05) return kRightEngine;
  if (turn > 0.05) return kLeftEngine;
  return kCoast;
}

TEST(LunarLanderTest, PassesTheConformanceSuite) {
  CheckEnvironmentConformance([] { return std::make_unique<LunarLander>(); });
}

TEST(LunarLanderTest, StartsAboveThePadWithAPush) {
  LunarLander task;
  task.Seed(1);
  for (int i = 0; i < 50; ++i) {
    task.Reset();
    const auto& s = task.GetFeatures();
    // A frame after x = 0, y = (40/3 - 10/3 - 0.6) / (20/3) = 1.41, pushed at up to 4.2 m/s.
    EXPECT_NEAR(s[0], 0, 0.01);
    EXPECT_NEAR(s[1], 1.41, 0.02);
    EXPECT_LE(std::abs(s[2]), 0.85);
    EXPECT_LE(std::abs(s[3]), 0.61);
    EXPECT_EQ(s[6] + s[7], 0);
  }
}

TEST(LunarLanderTest, FallingGainsSpeedByGravityUntilItCrashes) {
  LunarLander task;
  task.Seed(2);
  task.Reset();
  const double before = task.GetFeatures()[3];
  for (int i = 0; i < 10; ++i) task.Step(kCoast);
  // 10 frames of a fiftieth of a second at 10 m/s^2 are 2 m/s; times (20/3) / 50. The legs' first
  // swing against the hull moves it a little.
  EXPECT_NEAR(task.GetFeatures()[3] - before, -2 * (20.0 / 3) / 50, 0.01);
  double sum = 0;
  constexpr int kEpisodes = 100;
  for (int i = 0; i < kEpisodes; ++i) {
    const Episode episode = PlayEpisode(task, [](const LunarLander&) { return kCoast; });
    EXPECT_TRUE(episode.terminated);
    EXPECT_LT(episode.length, 200);
    sum += episode.episode_return;
  }
  EXPECT_GT(sum / kEpisodes, -300);
  EXPECT_LT(sum / kEpisodes, -60);
}

TEST(LunarLanderTest, RandomPlayReturnsWhatIsPublished) {
  LunarLander task;
  task.Seed(3);
  Rng rng(4);
  double sum = 0;
  constexpr int kEpisodes = 500;  // of a spread of about 110: the mean is good to 5
  for (int i = 0; i < kEpisodes; ++i) {
    sum += PlayEpisode(task, [&](const LunarLander&) {
             return static_cast<std::int32_t>(rng.Below(kLanderActions));
           }).episode_return;
  }
  EXPECT_NEAR(sum / kEpisodes, -180, 40);
}

TEST(LunarLanderTest, TheWellKnownRuleSolvesIt) {
  std::vector<double> returns;
  int landed = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    LunarLander task;
    task.Seed(seed);
    const Episode episode = PlayEpisode(task, LandByRule);
    returns.push_back(episode.episode_return);
    if (episode.last_reward != 100) continue;
    ++landed;
    const auto& at_rest = task.GetFeatures();
    for (const std::size_t speed : {2, 3, 5}) EXPECT_NEAR(at_rest[speed], 0, 0.01);
    EXPECT_LT(std::abs(at_rest[4]), 0.5) << "seed " << seed << " lies on its side";
  }
  double sum = 0;
  for (const double value : returns) sum += value;
  EXPECT_GT(sum / 20, 200) << testing::PrintToString(returns);
  EXPECT_GE(landed, 17);
}

TEST(LunarLanderTest, RewardIsTheGainInShapingLessFuel) {
  LunarLander task;
  task.Seed(5);
  task.Reset();
  const auto shaping = [&] {
    const auto& s = task.GetFeatures();
    return -100 * std::hypot(s[0], s[1]) - 100 * std::hypot(s[2], s[3]) - 100 * std::abs(s[4]) +
           10 * (s[6] + s[7]);
  };
  for (const auto& [action, fuel] : {std::pair{kCoast, 0.0}, std::pair{kLeftEngine, 0.03},
                                     std::pair{kMainEngine, 0.3}, std::pair{kRightEngine, 0.03}}) {
    const double before = shaping();
    const StepResult result = task.Step(action);
    // The reward is a float, of some tens at most.
    EXPECT_NEAR(static_cast<double>(result.reward), shaping() - before - fuel, 1e-5);
  }
}

TEST(LunarLanderTest, EnginesPushTheWayTheyAreNamed) {
  // Against a twin that coasts: the same stream, hence the same scatter.
  const auto after = [](LanderAction action) {
    LunarLander task;
    task.Seed(6);
    task.Reset();
    for (int i = 0; i < 20; ++i) task.Step(action);
    return task.GetFeatures();
  };
  const auto coast = after(kCoast);
  EXPECT_GT(after(kMainEngine)[3], coast[3] + 0.1);
  EXPECT_GT(after(kLeftEngine)[5], coast[5] + 0.1) << "turns counterclockwise";
  EXPECT_LT(after(kRightEngine)[5], coast[5] - 0.1);
}

TEST(LunarLanderTest, LeavingTheWindowAtASideIsLost) {
  LunarLander task;
  task.Seed(7);
  int left = 0;
  for (int i = 0; i < 20; ++i) {
    // Tilts to one side and burns.
    const Episode episode = PlayEpisode(task, [](const LunarLander& now) {
      const auto& s = now.GetFeatures();
      const double turn = 0.5 * (-0.6 - s[4]) - s[5];
      if (std::abs(turn) > 0.05) return turn > 0 ? kLeftEngine : kRightEngine;
      return kMainEngine;
    });
    EXPECT_TRUE(episode.terminated);
    EXPECT_EQ(episode.last_reward, -100);
    if (std::abs(task.GetFeatures()[0]) >= 1) ++left;
  }
  EXPECT_GT(left, 10);
}

TEST(LunarLanderTest, HoveringIsCutOffAtTheTimeLimit) {
  LunarLander task;
  task.Seed(8);
  int cut = 0;
  for (int i = 0; i < 10; ++i) {
    const Episode episode = PlayEpisode(task, [](const LunarLander& now) {
      const auto& s = now.GetFeatures();
      const double turn = 0.5 * (std::clamp(0.5 * s[0] + s[2], -0.4, 0.4) - s[4]) - s[5];
      const double lift = 0.5 * (0.6 - s[1]) - 0.5 * s[3];
      if (lift > std::abs(turn) && lift > 0.05) return kMainEngine;
      if (turn < -0.05) return kRightEngine;
      return turn > 0.05 ? kLeftEngine : kCoast;
    });
    if (episode.terminated) continue;
    EXPECT_EQ(episode.length, 1000);
    ++cut;
  }
  EXPECT_GT(cut, 5);
}

TEST(LunarLanderTest, ObservationsAreBounded) {
  LunarLander task;
  task.Seed(9);
  Rng rng(10);
  std::array<float, 8> seen{};
  // Chance seldom climbs far. The wildest spins, after a leg struck first, are of 25 rad/s.
  constexpr std::array<float, 8> kBound = {1.1F, 2.5F, 4, 4, 30, 15, 1, 1};
  for (int i = 0; i < 50; ++i) {
    PlayEpisode(task, [&](const LunarLander& now) {
      const auto packed = ObservationOf(now);
      std::memcpy(seen.data(), packed.data(), packed.size());
      for (std::size_t k = 0; k < seen.size(); ++k) EXPECT_LE(std::abs(seen[k]), kBound[k]);
      return static_cast<std::int32_t>(rng.Below(kLanderActions));
    });
  }
}

TEST(LunarLanderTest, InstancesSideBySideDoNotDisturbEachOther) {
  const auto alone = Play(*Started([] { return std::make_unique<LunarLander>(); }, 3), 1, 500);
  const auto one = Started([] { return std::make_unique<LunarLander>(); }, 3);
  const auto two = Started([] { return std::make_unique<LunarLander>(); }, 4);
  Play(*two, 5, 123);
  EXPECT_EQ(Play(*one, 1, 500), alone);
}

TEST(LunarLanderTest, SaveBeforeTheFirstResetContinuesToo) {
  LunarLander original;
  original.Seed(12);
  LunarLander copy;
  LoadInto(copy, SaveOf(original));
  original.Reset();
  copy.Reset();
  EXPECT_EQ(Play(copy, 1, 100), Play(original, 1, 100));
}

TEST(LunarLanderTest, SaveOfAnEndedEpisodeIsOfItsEnd) {
  LunarLander original;
  original.Seed(13);
  PlayEpisode(original, LandByRule);
  LunarLander copy;
  LoadInto(copy, SaveOf(original));
  EXPECT_EQ(ObservationOf(copy), ObservationOf(original));
  original.Reset();
  copy.Reset();
  EXPECT_EQ(Play(copy, 1, 100), Play(original, 1, 100));
}

TEST(LunarLanderTest, LoadRefusesActionsThatCannotBe) {
  LunarLander task;
  task.Seed(14);
  const Episode episode = PlayEpisode(task, [](const LunarLander&) { return kCoast; });
  const auto saved = SaveOf(task);
  ASSERT_EQ(saved.size(), 32U + 1 + 4 + static_cast<std::size_t>(episode.length));
  auto wrong = saved;
  wrong.back() = 4;
  EXPECT_THROW(LoadInto(task, wrong), WireError) << "an action that there is not";
  wrong = saved;
  wrong.push_back(kCoast);
  ++wrong[33];
  EXPECT_THROW(LoadInto(task, wrong), WireError) << "an action after the end";
  wrong = saved;
  wrong[35] = 1;
  EXPECT_THROW(LoadInto(task, wrong), WireError) << "65 536 actions";
}

TEST(LunarLanderDeathTest, AStepWhereNoEpisodeRunsIsABug) {
  LunarLander task;
  task.Seed(15);
  EXPECT_DEATH(task.Step(kCoast), "no episode runs");
  PlayEpisode(task, [](const LunarLander&) { return kCoast; });
  EXPECT_DEATH(task.Step(kCoast), "no episode runs");
  task.Reset();
  EXPECT_DEATH(task.Step(4), "action 4");
}

}  // namespace
}  // namespace stillhouse::actors
