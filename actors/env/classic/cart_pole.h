#pragma once

#include <array>
#include <cstdint>

#include "actors/env/classic/classic_control.h"

namespace stillhouse::actors {

/// Where the track of a pole on a cart ends, on either side of its middle.
inline constexpr double kTrackEnd = 2.4;

/// One step of a pole on a cart: x, velocity, angle, angular velocity. 1 a step; terminated when
/// the cart leaves the track or the pole leans too far.
StepResult AdvancePole(std::array<double, 4>& state, std::int32_t action);

/// A pole on a cart (Barto, Sutton & Anderson 1983), Gymnasium's CartPole-v1: 500 steps.
/// State and observation: x, velocity, angle, angular velocity.
class CartPole final : public ClassicControl<4, 4> {
 public:
  CartPole();

 private:
  State Start(Rng& rng) const override;
  StepResult Advance(State& state, std::int32_t action) const override;
  std::array<float, 4> Features(const State& state) const override;
};

}  // namespace stillhouse::actors
