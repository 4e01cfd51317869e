#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "actors/env/minatar/minatar_environment.h"
#include "common/base/rng.h"
#include "common/base/several_games.h"

namespace stillhouse::actors {

/// Several of MinAtar's games as one environment with the same six actions: every episode is one of
/// them, from beginning to end, and the context behind its observations (context.h) says which.
/// Planes that a game has not are 0.
///
/// The first game after Seed() is drawn, each as likely as the others; so is the next one where an
/// episode begins and the present game has had kTurnSteps steps since it was drawn. Games share the
/// steps by that, not the episodes: one of freeway is as long as a hundred of breakout.
///
/// Every game has a stream of its own that begins with the environment's seed: what it shows is bit
/// for bit what it shows alone with that seed and those actions.
class SeveralGames final : public Environment {
 public:
  static constexpr std::int64_t kTurnSteps = 2500;

  /// Throws ConfigError for no game, an unknown one, one given twice, one to evaluate that is not
  /// played, or fewer channels than the games have.
  SeveralGames(const SeveralGamesSettings& settings, const MinAtarOptions& options);

  const EnvironmentSpec& Spec() const override { return spec_; }
  void Seed(std::uint64_t seed) override;
  void Reset() override;
  StepResult Step(std::int32_t action) override;
  void Observe(std::span<std::uint8_t> packed) const override;
  void Save(ByteWriter& out) const override;
  void Load(ByteReader& in) override;

  /// The present episode's, as in kMinAtarGames.
  std::uint8_t Context() const { return contexts_[present_]; }

 private:
  EnvironmentSpec spec_;
  std::vector<std::unique_ptr<MinAtarEnvironment>> games_;
  std::vector<std::uint8_t> contexts_;  ///< [games]
  Rng rng_{0};                          ///< draws games
  std::size_t present_ = 0;
  bool drawn_ = false;      ///< since Seed
  std::int64_t steps_ = 0;  ///< since it was drawn
};

}  // namespace stillhouse::actors
