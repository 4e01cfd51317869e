#pragma once

#include <array>
#include <cstdint>

#include "actors/env/classic/classic_control.h"

namespace stillhouse::actors {

/// A two-link pendulum to swing up (Sutton 1996), Gymnasium's Acrobot-v1: 500 steps.
/// State: angles t1, t2 and their velocities; observation: cos t1, sin t1, cos t2, sin t2, w1, w2.
class Acrobot final : public ClassicControl<4, 6> {
 public:
  Acrobot();

 private:
  State Start(Rng& rng) const override;
  StepResult Advance(State& state, std::int32_t action) const override;
  std::array<float, 6> Features(const State& state) const override;
};

}  // namespace stillhouse::actors
