#pragma once

#include <cstdint>
#include <span>

#include "actors/env/minatar/board.h"
#include "actors/env/minatar/minatar_environment.h"

namespace stillhouse::actors {

/// Rules: tests/conformance/minatar/SPEC-space_invaders.md. Channels: cannon, aliens, aliens
/// while they move left, aliens while they move right, own bullets, enemy bullets.
class SpaceInvaders final : public MinAtarEnvironment {
 public:
  explicit SpaceInvaders(const MinAtarOptions& options = {});
  void Observe(std::span<std::uint8_t> packed) const override;

 private:
  struct State {
    int cannon = 5;
    Board own_bullets = 0, enemy_bullets = 0, aliens = 0;
    int direction = -1;  ///< -1 left, +1 right
    int interval = 12;
    int move_timer = 12, alien_shot_timer = 10, shot_timer = 0;
    int ramp_index = 0;

    /// Calls visit(field, lowest, highest) for every field.
    template <typename Self, typename Visit>
    static void Fields(Self& state, Visit visit);
  };

  void ResetGame(MinAtarStream& stream) override;
  int Play(std::int32_t action, MinAtarStream& stream) override;
  void SaveGame(ByteWriter& out) const override;
  void LoadGame(ByteReader& in) override;

  void MoveAliens();
  void AlienShoots();

  State state_;
};

}  // namespace stillhouse::actors
