#include "actors/env/classic/acrobot.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace stillhouse::actors {
namespace {

using std::cos;
using std::sin;
using State = Acrobot::State;

constexpr double kPi = std::numbers::pi;
constexpr double kStepSeconds = 0.2;
constexpr double kMass1 = 1, kMass2 = 1;
constexpr double kLength1 = 1;
constexpr double kCenter1 = 0.5, kCenter2 = 0.5;  // centres of mass along the links
constexpr double kInertia1 = 1, kInertia2 = 1;
constexpr double kGravity = 9.8;

// d state / dt under a constant torque.
State Derivative(const State& state, double torque) {
  const auto [t1, t2, w1, w2] = state;
  const double coupling = kMass2 * kLength1 * kCenter2;
  const double d1 =
      kMass1 * kCenter1 * kCenter1 +
      kMass2 * (kLength1 * kLength1 + kCenter2 * kCenter2 + 2 * kLength1 * kCenter2 * cos(t2)) +
      kInertia1 + kInertia2;
  const double d2 = kMass2 * (kCenter2 * kCenter2 + kLength1 * kCenter2 * cos(t2)) + kInertia2;
  const double phi2 = kMass2 * kCenter2 * kGravity * cos(t1 + t2 - kPi / 2);
  const double phi1 = -coupling * w2 * w2 * sin(t2) - 2 * coupling * w2 * w1 * sin(t2) +
                      (kMass1 * kCenter1 + kMass2 * kLength1) * kGravity * cos(t1 - kPi / 2) + phi2;
  const double b2 = (torque + d2 / d1 * phi1 - coupling * w1 * w1 * sin(t2) - phi2) /
                    (kMass2 * kCenter2 * kCenter2 + kInertia2 - d2 * d2 / d1);
  const double b1 = -(d2 * b2 + phi1) / d1;
  return {w1, w2, b1, b2};
}

State Plus(const State& state, double factor, const State& slope) {
  State sum;
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = state[i] + factor * slope[i];
  return sum;
}

double WrapAngle(double angle) {
  while (angle > kPi) angle -= 2 * kPi;
  while (angle < -kPi) angle += 2 * kPi;
  return angle;
}

}  // namespace

Acrobot::Acrobot() : ClassicControl("classic/acrobot", {"-1", "0", "+1"}, 500) {}

State Acrobot::Start(Rng& rng) const {
  State state;
  // Rounded to float32, as the reference does with the start alone.
  for (double& value : state) value = static_cast<float>(UniformIn(rng, -0.1, 0.1));
  return state;
}

StepResult Acrobot::Advance(State& state, std::int32_t action) const {
  const double torque = action - 1;
  const double half = kStepSeconds / 2;
  const State k1 = Derivative(state, torque);
  const State k2 = Derivative(Plus(state, half, k1), torque);
  const State k3 = Derivative(Plus(state, half, k2), torque);
  const State k4 = Derivative(Plus(state, kStepSeconds, k3), torque);
  for (std::size_t i = 0; i < state.size(); ++i) {
    state[i] += kStepSeconds / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
  }
  auto& [t1, t2, w1, w2] = state;
  t1 = WrapAngle(t1);
  t2 = WrapAngle(t2);
  w1 = std::clamp(w1, -4 * kPi, 4 * kPi);
  w2 = std::clamp(w2, -9 * kPi, 9 * kPi);
  const bool up = -cos(t1) - cos(t2 + t1) > 1;
  return {.reward = up ? 0.0F : -1.0F, .terminated = up};
}

std::array<float, 6> Acrobot::Features(const State& state) const {
  const auto [t1, t2, w1, w2] = state;
  return {static_cast<float>(cos(t1)), static_cast<float>(sin(t1)), static_cast<float>(cos(t2)),
          static_cast<float>(sin(t2)), static_cast<float>(w1),      static_cast<float>(w2)};
}

}  // namespace stillhouse::actors
