#pragma once

#include <cstdint>
#include <span>

#include "actors/env/minatar/board.h"
#include "actors/env/minatar/minatar_environment.h"

namespace stillhouse::actors {

/// Paddle, ball and three rows of bricks. Rules: tests/conformance/minatar/SPEC-breakout.md.
/// Channels: paddle, ball, the ball's last cell, bricks.
class Breakout final : public MinAtarEnvironment {
 public:
  explicit Breakout(const MinAtarOptions& options = {});
  void Observe(std::span<std::uint8_t> packed) const override;

 private:
  struct State {
    int paddle = 4;
    int x = 0, y = 3;
    int direction = 2;  ///< (dx, dy): 0 (-1,-1), 1 (+1,-1), 2 (+1,+1), 3 (-1,+1)
    int last_x = 0, last_y = 3;
    bool strike = false;  ///< the ball is inside bricks and has taken its one already
    Board bricks = 0;

    /// Calls visit(field, lowest, highest) for every field.
    template <typename Self, typename Visit>
    static void Fields(Self& state, Visit visit);
  };

  void ResetGame(MinAtarStream& stream) override;
  int Play(std::int32_t action, MinAtarStream& stream) override;
  void SaveGame(ByteWriter& out) const override;
  void LoadGame(ByteReader& in) override;

  State state_;
};

}  // namespace stillhouse::actors
