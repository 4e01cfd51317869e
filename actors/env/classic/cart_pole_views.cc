#include "actors/env/classic/cart_pole_views.h"

#include <algorithm>
#include <cmath>

#include "actors/env/classic/cart_pole.h"

namespace stillhouse::actors {
namespace {

/// 12 degrees, the most that a pole may lean, are 8 columns at its tip then.
constexpr double kLean = 2.0;
constexpr int kCartColumns = 4;
constexpr auto kSide = static_cast<int>(CartPoleViews::kSize);

/// One unit of ink at `column`, a place between two columns; what lies outside is not seen.
void Ink(std::span<float> image, int row, double column) {
  const double left = std::floor(column);
  const double share = column - left;
  for (const auto& [at, ink] : {std::pair{left, 1 - share}, std::pair{left + 1, share}}) {
    if (!(at >= 0 && at < kSide)) continue;
    float& place = image[static_cast<std::size_t>(row * kSide + static_cast<int>(at))];
    place = std::min(1.0F, place + static_cast<float>(ink));
  }
}

}  // namespace

void DrawPole(double x, double angle, std::span<float> image) {
  SH_CHECK(image.size() == CartPoleViews::kPixels, "an image of {} places", image.size());
  std::fill(image.begin(), image.end(), 0.0F);
  const double middle = (x + kTrackEnd) / (2 * kTrackEnd) * (kSide - 1);
  for (int i = 0; i < kCartColumns; ++i) {
    Ink(image, kSide - 1, middle + i - (kCartColumns - 1) / 2.0);
  }
  // A pole that has fallen over is seen as one that leans as far as it may.
  const double lean = std::tan(std::clamp(kLean * angle, -1.0, 1.0));
  for (int height = 1; height < kSide; ++height) {
    Ink(image, kSide - 1 - height, middle + height * lean);
  }
}

CartPoleViews::CartPoleViews()
    : ClassicControl("classic/cart_pole_views", {"left", "right"}, 500) {}

CartPoleViews::State CartPoleViews::Start(Rng& rng) const {
  State state;
  for (std::size_t i = 0; i < 4; ++i) state[i] = state[4 + i] = UniformIn(rng, -0.05, 0.05);
  return state;
}

StepResult CartPoleViews::Advance(State& state, std::int32_t action) const {
  std::array<double, 4> now;
  std::copy_n(state.begin(), 4, now.begin());
  std::copy_n(now.begin(), 4, state.begin() + 4);
  const StepResult result = AdvancePole(now, action);
  std::copy_n(now.begin(), 4, state.begin());
  return result;
}

std::array<float, 4 + 2 * CartPoleViews::kPixels> CartPoleViews::Features(
    const State& state) const {
  std::array<float, 4 + 2 * kPixels> features;
  for (std::size_t i = 0; i < 4; ++i) features[i] = static_cast<float>(state[i]);
  const std::span<float> images = std::span(features).subspan(4);
  DrawPole(state[0], state[2], images.first(kPixels));
  DrawPole(state[4], state[6], images.last(kPixels));
  return features;
}

}  // namespace stillhouse::actors
