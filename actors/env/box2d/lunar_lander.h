#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "actors/env/box2d/lander_world.h"
#include "actors/env/environment.h"
#include "common/base/rng.h"

namespace stillhouse::actors {

/// Setting a lander down on a pad, Gymnasium's LunarLander-v3 with discrete actions and no wind:
/// 1000 steps. Its physics are single-precision Box2D (LanderWorld): a run repeats bit for bit on
/// one build and machine, not across them. There are no reference traces of it: its tests look at
/// what random play and a well-known rule return.
///
/// Observation, 8 floats: position from the pad in half windows, velocity, angle, angular velocity,
/// and whether each leg stands. Reward: what the step gained in nearness, slowness and uprightness
/// (Shaping), less fuel (0.3 main, 0.03 side); -100 at the end for a hull that touched ground or a
/// lander that left the window at a side, +100 for one that came to rest, in their stead.
class LunarLander final : public Environment {
 public:
  LunarLander();
  ~LunarLander() override;

  const EnvironmentSpec& Spec() const override { return spec_; }
  void Seed(std::uint64_t seed) override;
  void Reset() override;
  /// Ends the process when the episode is over: physics go on where a task has ended.
  StepResult Step(std::int32_t action) override;
  void Observe(std::span<std::uint8_t> packed) const override;
  /// Box2D's contacts and impulses cannot be written out: a save is the stream as it was before the
  /// episode and the actions since, a byte each; Load plays them again (at most 1000 steps).
  void Save(ByteWriter& out) const override;
  void Load(ByteReader& in) override;

  using Features = std::array<double, 8>;
  /// As observed, before rounding to single precision. Zero before the first Reset().
  const Features& GetFeatures() const { return features_; }

 private:
  StepResult Advance(LanderAction action);
  static double Shaping(const Features& features);

  EnvironmentSpec spec_;
  Rng rng_;
  Rng episode_rng_;                     ///< rng_ before the last Reset()
  std::unique_ptr<LanderWorld> world_;  ///< null before the first Reset()
  std::vector<std::uint8_t> actions_;   ///< of this episode
  Features features_{};
  double shaping_ = 0;
  bool ended_ = false;
};

}  // namespace stillhouse::actors
