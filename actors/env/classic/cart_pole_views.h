#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "actors/env/classic/classic_control.h"

namespace stillhouse::actors {

/// CartPole with two views of the same moment in one observation: the four numbers of its state,
/// then two images [2, kSize, kSize], of now and of one step before (from which velocities can be
/// told). A network chooses its view by its first layer. State: that of CartPole, now and before.
class CartPoleViews final : public ClassicControl<8, 4 + 2 * 20 * 20> {
 public:
  static constexpr std::size_t kSize = 20;
  static constexpr std::size_t kPixels = kSize * kSize;

  CartPoleViews();

 private:
  State Start(Rng& rng) const override;
  StepResult Advance(State& state, std::int32_t action) const override;
  std::array<float, 4 + 2 * kPixels> Features(const State& state) const override;
};

/// The cart as a bar of four columns in the lowest row, over the track from -2.4 to 2.4, and the
/// pole above it, its lean drawn kLean times as large: ink of 0 to 1 a place, shared between
/// neighbouring columns so that every move shows. image [kSize, kSize], row 0 at the top;
/// overwritten.
void DrawPole(double x, double angle, std::span<float> image);

}  // namespace stillhouse::actors
