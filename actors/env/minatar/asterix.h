#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "actors/env/minatar/board.h"
#include "actors/env/minatar/minatar_environment.h"

namespace stillhouse::actors {

/// Treasures and enemies cross eight rows. Rules: tests/conformance/minatar/SPEC-asterix.md.
/// Channels: player, enemies, the cells behind, treasures.
class Asterix final : public MinAtarEnvironment {
 public:
  explicit Asterix(const MinAtarOptions& options = {});
  void Observe(std::span<std::uint8_t> packed) const override;

 private:
  static constexpr int kSlots = 8;

  /// Slot i runs in row i + 1; bit i of the masks belongs to it.
  struct State {
    int x = 5, y = 5;
    std::array<int, kSlots> slot_x{};
    unsigned filled = 0, right = 0, gold = 0;
    int spawn_speed = 10, spawn_timer = 10;
    int move_speed = 5, move_timer = 5;
    int ramp_timer = 100, ramp_index = 0;

    /// Calls visit(field, lowest, highest) for every field.
    template <typename Self, typename Visit>
    static void Fields(Self& state, Visit visit);
  };

  void ResetGame(MinAtarStream& stream) override;
  int Play(std::int32_t action, MinAtarStream& stream) override;
  void SaveGame(ByteWriter& out) const override;
  void LoadGame(ByteReader& in) override;

  void Spawn(MinAtarStream& stream);
  int Touch(unsigned slot);
  void MoveSlots();
  void Ramp();

  State state_;
};

}  // namespace stillhouse::actors
