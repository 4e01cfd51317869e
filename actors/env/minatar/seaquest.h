#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "actors/env/minatar/board.h"
#include "actors/env/minatar/minatar_environment.h"

namespace stillhouse::actors {

/// A submarine, divers to save and enemies. Rules: tests/conformance/minatar/SPEC-seaquest.md.
/// Channels: submarine front and back, own bullets, cells behind, enemy bullets, fish, enemy
/// submarines, oxygen, divers held, divers.
class Seaquest final : public MinAtarEnvironment {
 public:
  explicit Seaquest(const MinAtarOptions& options = {});
  void Observe(std::span<std::uint8_t> packed) const override;

 private:
  struct Bullet {
    int x, y;
    bool right;
    bool operator==(const Bullet&) const = default;
  };
  /// A fish, a diver or, with its shot timer, an enemy submarine.
  struct Swimmer {
    int x, y;
    bool right;
    int timer;
    int shot;  ///< submarines only
    bool operator==(const Swimmer&) const = default;
  };

  /// One enemy's turn: the enemy after it and where it stands in its list, -1 when removed.
  struct Turn {
    int reward;
    int index;
    Swimmer enemy;
  };

  struct State {
    int x = 5, y = 0;
    bool right = false;
    int oxygen = 200;
    int divers_held = 0;  ///< below 0 after surfacing with six, see the rules
    bool surfaced = true;
    int shot_timer = 0;
    int enemy_spawn_speed = 20, enemy_spawn_timer = 20, diver_spawn_timer = 30;
    int move_speed = 5, ramp_index = 0;
    std::vector<Bullet> own_bullets, enemy_bullets;
    std::vector<Swimmer> fish, submarines, divers;

    /// Calls visit(field, lowest, highest) for every field, visit.List(list, ...) for lists.
    template <typename Self, typename Visit>
    static void Fields(Self& state, Visit visit);
  };

  void ResetGame(MinAtarStream& stream) override;
  int Play(std::int32_t action, MinAtarStream& stream) override;
  void SaveGame(ByteWriter& out) const override;
  void LoadGame(ByteReader& in) override;

  template <typename Piece>
  bool AtPlayer(const Piece& piece) const;
  void SpawnEnemy(MinAtarStream& stream);
  void SpawnDiver(MinAtarStream& stream);
  void MovePlayer(std::int32_t action);
  int MoveOwnBullets();
  void MoveDivers();
  int MoveSubmarines();
  void MoveEnemyBullets();
  int MoveFish();
  Turn MoveEnemy(std::vector<Swimmer>& enemies, int index);
  int Breathe();
  int Surface();

  State state_;
};

}  // namespace stillhouse::actors
