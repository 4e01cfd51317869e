#include "actors/env/classic/mountain_car.h"

#include <algorithm>
#include <cmath>

namespace stillhouse::actors {
namespace {

constexpr double kPush = 0.001;
constexpr double kGravity = 0.0025;
constexpr double kLargestSpeed = 0.07;
constexpr double kLeftEnd = -1.2;
constexpr double kRightEnd = 0.6;
constexpr double kGoal = 0.5;

}  // namespace

MountainCar::MountainCar()
    : ClassicControl("classic/mountain_car", {"left", "none", "right"}, 200) {}

MountainCar::State MountainCar::Start(Rng& rng) const { return {UniformIn(rng, -0.6, -0.4), 0.0}; }

StepResult MountainCar::Advance(State& state, std::int32_t action) const {
  auto& [p, v] = state;
  v += (action - 1) * kPush + std::cos(3 * p) * -kGravity;
  v = std::clamp(v, -kLargestSpeed, kLargestSpeed);
  p = std::clamp(p + v, kLeftEnd, kRightEnd);
  if (p == kLeftEnd && v < 0) v = 0;
  return {.reward = -1, .terminated = p >= kGoal && v >= 0};
}

std::array<float, 2> MountainCar::Features(const State& state) const {
  return {static_cast<float>(state[0]), static_cast<float>(state[1])};
}

}  // namespace stillhouse::actors
