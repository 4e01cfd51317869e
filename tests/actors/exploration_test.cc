#include "actors/exploration.h"

#include <cmath>

#include <gtest/gtest.h>

namespace stillhouse::actors {
namespace {

TEST(ExplorationTest, TheScheduleIsALineAndThenFlat) {
  const ExplorationSettings settings{.from = 1.0, .to = 0.02, .frames = 100000};
  EXPECT_DOUBLE_EQ(Epsilon(settings, 0, 8, 0), 1.0);
  EXPECT_DOUBLE_EQ(Epsilon(settings, 7, 8, 50000), 0.51);
  EXPECT_DOUBLE_EQ(Epsilon(settings, 0, 8, 100000), 0.02);
  EXPECT_DOUBLE_EQ(Epsilon(settings, 0, 8, 90000000), 0.02);
}

TEST(ExplorationTest, AScheduleOfNoFramesIsAtItsEnd) {
  EXPECT_DOUBLE_EQ(Epsilon({.to = 0.1, .frames = 0}, 0, 1, 0), 0.1);
}

// Horgan et al. 2018: epsilon 0.4, alpha 7: from 0.4 down to 0.4^8 = 0.00065536.
TEST(ExplorationTest, TheLadderReachesFromEpsilonToItsEighthPower) {
  const ExplorationSettings settings{.kind = ExplorationSettings::Kind::kLadder};
  EXPECT_DOUBLE_EQ(Epsilon(settings, 0, 8, 5), 0.4);
  EXPECT_DOUBLE_EQ(Epsilon(settings, 1, 8, 5), 0.16);
  EXPECT_NEAR(Epsilon(settings, 7, 8, 5), 0.00065536, 1e-12);
}

TEST(ExplorationTest, AGuestTakesARungOfTheLadder) {
  const ExplorationSettings settings{.kind = ExplorationSettings::Kind::kLadder};
  EXPECT_DOUBLE_EQ(Epsilon(settings, 9, 8, 0), Epsilon(settings, 1, 8, 0));
  EXPECT_DOUBLE_EQ(Epsilon(settings, 3, 1, 0), 0.4);
}

}  // namespace
}  // namespace stillhouse::actors
