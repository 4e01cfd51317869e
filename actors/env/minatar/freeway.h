#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "actors/env/minatar/board.h"
#include "actors/env/minatar/minatar_environment.h"

namespace stillhouse::actors {

/// A chicken crosses eight lanes. Rules: tests/conformance/minatar/SPEC-freeway.md.
/// Channels: chicken, cars, the cells behind cars of speed 1 to 5.
class Freeway final : public MinAtarEnvironment {
 public:
  explicit Freeway(const MinAtarOptions& options = {});
  void Observe(std::span<std::uint8_t> packed) const override;

 private:
  static constexpr int kCars = 8;

  /// Car i drives in row i + 1. |speed| is the number of steps that it rests between moves.
  struct State {
    int row = 9;
    int move_timer = 3;
    int steps_left = 2500;
    std::array<std::int32_t, kCars> x{}, timer{}, speed{};

    /// Calls visit(field, lowest, highest) for every field.
    template <typename Self, typename Visit>
    static void Fields(Self& state, Visit visit);
  };

  void ResetGame(MinAtarStream& stream) override;
  int Play(std::int32_t action, MinAtarStream& stream) override;
  void SaveGame(ByteWriter& out) const override;
  void LoadGame(ByteReader& in) override;

  void DrawSpeeds(MinAtarStream& stream);
  void MoveCars();

  State state_;
};

}  // namespace stillhouse::actors
