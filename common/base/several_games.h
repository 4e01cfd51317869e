#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stillhouse {

/// MinAtar's games. A game's place is its context (context.h) in minatar/several, whichever of them
/// are played, so that stored experience means the same to every configuration.
inline constexpr std::array<std::string_view, 5> kMinAtarGames = {"breakout", "asterix", "freeway",
                                                                  "seaquest", "space_invaders"};

/// nullopt: there is no such game.
inline std::optional<std::uint8_t> GameNumber(std::string_view name) {
  const auto* const found = std::find(kMinAtarGames.begin(), kMinAtarGames.end(), name);
  if (found == kMinAtarGames.end()) return std::nullopt;
  return static_cast<std::uint8_t>(found - kMinAtarGames.begin());
}

/// `env.options` of minatar/several.
struct SeveralGamesSettings {
  std::vector<std::string> games{kMinAtarGames.begin(), kMinAtarGames.end()};
  std::vector<std::string> evaluate{};  ///< those that evaluation plays; empty: all of them
  std::int32_t channels = 0;            ///< planes of the observation; 0: what the games need
  bool operator==(const SeveralGamesSettings&) const = default;
};

}  // namespace stillhouse
