#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "common/base/rng.h"

namespace stillhouse::actors {

enum LanderAction : std::int32_t { kCoast, kLeftEngine, kMainEngine, kRightEngine, kLanderActions };

/// Half the width and half the height of the window that flights take place in, and how high its
/// pad lies, in metres.
inline constexpr double kLanderHalfWidth = 10;
inline constexpr double kLanderHalfHeight = 20.0 / 3;
inline constexpr double kLanderPadHeight = kLanderHalfHeight / 2;
/// Of a lander that stands on its legs: its centre above the ground.
inline constexpr double kLanderLegHeight = 0.6;
inline constexpr double kLanderFramesPerSecond = 50;

struct LanderMotion {
  double x = 0, y = 0;                  ///< m
  double vx = 0, vy = 0;                ///< m/s
  double angle = 0;                     ///< rad, counterclockwise
  double spin = 0;                      ///< rad/s
  std::array<bool, 2> leg_on_ground{};  ///< the leg of positive x first
};

/// The physics of one flight (Box2D): a moon of ten slopes whose middle is a flat pad, a hull and
/// two sprung legs. Worlds share nothing that a result depends on. Not thread-safe.
class LanderWorld {
 public:
  /// Draws the moon and the push that the lander starts with, 14 numbers.
  explicit LanderWorld(Rng& rng);
  ~LanderWorld();

  /// A fiftieth of a second. Draws two numbers, how the engines' jets scatter, whatever the action.
  void Step(LanderAction action, Rng& rng);

  LanderMotion Motion() const;
  bool HullTouched() const;  ///< has touched the ground once
  bool AtRest() const;       ///< has not moved for half a second

 private:
  struct Bodies;
  std::unique_ptr<Bodies> bodies_;
};

}  // namespace stillhouse::actors
