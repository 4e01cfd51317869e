#include "actors/env/classic/cart_pole_views.h"

#include <cstring>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "actors/env/classic/cart_pole.h"
#include "tests/support/environment_conformance.h"

namespace stillhouse::actors {
namespace {

constexpr std::size_t kPixels = CartPoleViews::kPixels;

template <typename Task>
std::vector<float> Observe(const Task& task) {
  std::vector<std::uint8_t> packed(static_cast<std::size_t>(task.Spec().observation.PackedBytes()));
  task.Observe(packed);
  std::vector<float> values(packed.size() / sizeof(float));
  std::memcpy(values.data(), packed.data(), packed.size());
  return values;
}

std::vector<float> Drawn(double x, double angle) {
  std::vector<float> image(kPixels);
  DrawPole(x, angle, image);
  return image;
}

TEST(CartPoleViewsTest, BothViewsAreOfTheSameGame) {
  CartPole plain;
  CartPoleViews views;
  plain.Seed(7);
  views.Seed(7);
  plain.Reset();
  views.Reset();
  std::vector<float> before(kPixels);
  for (int step = 0; step < 30; ++step) {
    const auto state = Observe(plain);
    const auto both = Observe(views);
    ASSERT_EQ(both.size(), 4 + 2 * kPixels);
    EXPECT_EQ(std::vector<float>(both.begin(), both.begin() + 4), state);
    const std::vector<float> now(both.begin() + 4, both.begin() + 4 + kPixels);
    if (step > 0) {
      EXPECT_EQ(std::vector<float>(both.begin() + 4 + kPixels, both.end()), before);
    }
    before = now;
    const std::int32_t action = step % 2;
    const StepResult result = plain.Step(action);
    EXPECT_EQ(views.Step(action).terminated, result.terminated);
    if (result.terminated) break;
  }
}

TEST(CartPoleViewsTest, TheCartStandsWhereItStandsAndThePoleLeansWhereItLeans) {
  const auto upright = Drawn(0, 0);
  // Between columns 9 and 10 of 20: both half inked, all the way up.
  for (std::size_t row = 0; row < 19; ++row) {
    EXPECT_FLOAT_EQ(upright[row * 20 + 9], 0.5F) << row;
    EXPECT_FLOAT_EQ(upright[row * 20 + 10], 0.5F) << row;
  }
  const auto mass = [](const std::vector<float>& image, std::size_t row) {
    double sum = 0;
    double moment = 0;
    for (std::size_t column = 0; column < 20; ++column) {
      sum += static_cast<double>(image[row * 20 + column]);
      moment += static_cast<double>(image[row * 20 + column]) * static_cast<double>(column);
    }
    return moment / sum;
  };
  EXPECT_NEAR(mass(Drawn(1.2, 0), 19), 14.25, 1e-5);
  EXPECT_GT(mass(Drawn(0, 0.1), 0), 12);
  EXPECT_LT(mass(Drawn(0, -0.1), 0), 7);
  EXPECT_NE(Drawn(0, 0.01), upright) << "a tenth of a column shows";
}

TEST(CartPoleViewsTest, KeepsTheRulesOfEnvironments) {
  CheckEnvironmentConformance([] { return std::make_unique<CartPoleViews>(); });
}

}  // namespace
}  // namespace stillhouse::actors
