#pragma once

#include <array>
#include <cstdint>

#include "actors/env/classic/classic_control.h"

namespace stillhouse::actors {

/// A weak car in a valley (Moore 1990), Gymnasium's MountainCar-v0: 200 steps.
/// State and observation: position, velocity.
class MountainCar final : public ClassicControl<2, 2> {
 public:
  MountainCar();

 private:
  State Start(Rng& rng) const override;
  StepResult Advance(State& state, std::int32_t action) const override;
  std::array<float, 2> Features(const State& state) const override;
};

}  // namespace stillhouse::actors
