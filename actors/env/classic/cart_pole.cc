#include "actors/env/classic/cart_pole.h"

#include <cmath>
#include <numbers>

namespace stillhouse::actors {
namespace {

constexpr double kForce = 10.0;
constexpr double kGravity = 9.8;
constexpr double kPoleMass = 0.1;
constexpr double kTotalMass = kPoleMass + 1.0;
constexpr double kHalfLength = 0.5;
constexpr double kPoleMassLength = kPoleMass * kHalfLength;
constexpr double kStepSeconds = 0.02;
constexpr double kLargestAngle = 12 * 2 * std::numbers::pi / 360;

}  // namespace

CartPole::CartPole() : ClassicControl("classic/cart_pole", {"left", "right"}, 500) {}

CartPole::State CartPole::Start(Rng& rng) const {
  State state;
  for (double& value : state) value = UniformIn(rng, -0.05, 0.05);
  return state;
}

StepResult AdvancePole(std::array<double, 4>& state, std::int32_t action) {
  auto& [x, v, angle, w] = state;
  const double force = action == 1 ? kForce : -kForce;
  const double sine = std::sin(angle);
  const double cosine = std::cos(angle);
  const double temp = (force + kPoleMassLength * (w * w) * sine) / kTotalMass;
  const double alpha = (kGravity * sine - cosine * temp) /
                       (kHalfLength * (4.0 / 3.0 - kPoleMass * (cosine * cosine) / kTotalMass));
  const double acceleration = temp - kPoleMassLength * alpha * cosine / kTotalMass;
  x += kStepSeconds * v;
  v += kStepSeconds * acceleration;
  angle += kStepSeconds * w;
  w += kStepSeconds * alpha;
  const bool fallen =
      x < -kTrackEnd || x > kTrackEnd || angle < -kLargestAngle || angle > kLargestAngle;
  return {.reward = 1, .terminated = fallen};
}

StepResult CartPole::Advance(State& state, std::int32_t action) const {
  return AdvancePole(state, action);
}

std::array<float, 4> CartPole::Features(const State& state) const {
  return {static_cast<float>(state[0]), static_cast<float>(state[1]), static_cast<float>(state[2]),
          static_cast<float>(state[3])};
}

}  // namespace stillhouse::actors
