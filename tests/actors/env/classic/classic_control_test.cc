#include <cmath>
#include <limits>
#include <memory>
#include <numbers>

#include <gtest/gtest.h>

#include "actors/env/classic/acrobot.h"
#include "actors/env/classic/cart_pole.h"
#include "actors/env/classic/mountain_car.h"
#include "tests/support/environment_conformance.h"

namespace stillhouse::actors {
namespace {

template <typename Task>
class ClassicControlTest : public testing::Test {};

using Tasks = testing::Types<CartPole, Acrobot, MountainCar>;
TYPED_TEST_SUITE(ClassicControlTest, Tasks);

TYPED_TEST(ClassicControlTest, PassesTheConformanceSuite) {
  CheckEnvironmentConformance([] { return std::make_unique<TypeParam>(); });
}

TYPED_TEST(ClassicControlTest, LoadRefusesAStateThatIsNotFinite) {
  TypeParam task;
  task.Seed(1);
  task.Reset();
  auto state = task.GetState();
  state[0] = std::numeric_limits<double>::infinity();
  task.SetState(state);
  const auto saved = SaveOf(task);
  EXPECT_THROW(LoadInto(task, saved), WireError);
}

TEST(CartPoleTest, StartsWithin005) {
  CartPole task;
  task.Seed(3);
  for (int i = 0; i < 100; ++i) {
    task.Reset();
    for (const double value : task.GetState()) EXPECT_LE(std::abs(value), 0.05);
  }
}

TEST(CartPoleTest, PushesAnUprightPoleAsWorkedOutByHand) {
  CartPole task;
  task.SetState({0, 0, 0, 0});
  const StepResult result = task.Step(1);
  // temp = 10/1.1; alpha = -temp / (0.5 (4/3 - 0.1/1.1)); acc = temp - 0.05 alpha / 1.1.
  const double temp = 10 / 1.1;
  const double alpha = -temp / (0.5 * (4.0 / 3.0 - 0.1 / 1.1));
  EXPECT_EQ(result.reward, 1);
  EXPECT_EQ(task.GetState()[0], 0);
  EXPECT_NEAR(task.GetState()[1], 0.02 * (temp - 0.05 * alpha / 1.1), 1e-15);
  EXPECT_EQ(task.GetState()[2], 0);
  EXPECT_NEAR(task.GetState()[3], 0.02 * alpha, 1e-15);
}

TEST(CartPoleTest, LeavingTheTrackTerminatesWithItsReward) {
  CartPole task;
  task.Reset();
  task.SetState({2.39, 1, 0, 0});
  const StepResult result = task.Step(0);
  EXPECT_TRUE(result.terminated);
  EXPECT_FALSE(result.truncated);
  EXPECT_EQ(result.reward, 1);
}

TEST(MountainCarTest, LastStepOfTheLimitMayTerminateToo) {
  MountainCar task;
  task.Seed(1);
  task.Reset();
  for (int i = 0; i < 199; ++i) EXPECT_FALSE(task.Step(1).Done());
  task.SetState({0.49, 0.07});
  const StepResult result = task.Step(2);
  EXPECT_TRUE(result.terminated);
  EXPECT_TRUE(result.truncated);
  EXPECT_EQ(result.reward, -1);
}

TEST(MountainCarTest, WallTakesTheSpeed) {
  MountainCar task;
  task.Reset();
  task.SetState({-1.19, -0.07});
  task.Step(0);
  EXPECT_EQ(task.GetState()[0], -1.2);
  EXPECT_EQ(task.GetState()[1], 0);
}

TEST(AcrobotTest, StartsAreSinglePrecision) {
  Acrobot task;
  task.Seed(2);
  task.Reset();
  for (const double value : task.GetState()) {
    EXPECT_EQ(value, static_cast<double>(static_cast<float>(value)));
    EXPECT_LE(std::abs(value), 0.1);
  }
}

TEST(AcrobotTest, HangingStillStaysWithoutTorqueAndUpEndsWithoutCost) {
  Acrobot task;
  task.Reset();
  task.SetState({0, 0, 0, 0});
  EXPECT_EQ(task.Step(1).reward, -1);
  for (const double value : task.GetState()) EXPECT_NEAR(value, 0, 1e-14);
  task.SetState({std::numbers::pi, 0, 0, 0});
  const StepResult result = task.Step(1);
  EXPECT_TRUE(result.terminated);
  EXPECT_EQ(result.reward, 0);
}

}  // namespace
}  // namespace stillhouse::actors
