#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "actors/env/environment.h"
#include "actors/env/minatar/minatar_stream.h"

namespace stillhouse::actors {

/// The six actions, the same numbers in every game; one that a game has no use for is a no-op.
enum MinAtarAction : std::int32_t { kNoOp, kLeft, kUp, kRight, kDown, kFire, kMinAtarActions };

struct MinAtarOptions {
  double sticky_action_prob = 0.1;  ///< [0, 1]: chance that the action before is repeated
  bool difficulty_ramping = true;   ///< games speed up (asterix, seaquest, space_invaders)
};

/// What the five games share: the stream, sticky actions and the ended game, as
/// tests/conformance/minatar/README.md, section 1, states them (the public MinAtar, Young &
/// Tian 2019, is the origin). Observations are bits [C, 10, 10].
///
/// A 64-bit seed is folded to the 32 bits of the stream by xor of its halves, so that seeds
/// below 2^32 are those of the reference.
class MinAtarEnvironment : public Environment {
 public:
  const EnvironmentSpec& Spec() const final { return spec_; }
  void Seed(std::uint64_t seed) final;
  /// Keeps the last action: stickiness reaches over the border of an episode.
  void Reset() final;
  /// Two words of the stream go to the sticky action on every call, on an ended game too; that
  /// one stays as it is and returns (0, terminated).
  StepResult Step(std::int32_t action) final;
  void Save(ByteWriter& out) const final;
  void Load(ByteReader& in) final;

  /// The action that the last step really took.
  std::int32_t LastAction() const { return last_action_; }
  const MinAtarStream& Stream() const { return stream_; }

 protected:
  /// `minimal_actions`: those that do anything in this game.
  MinAtarEnvironment(std::string_view game, std::int64_t channels,
                     std::initializer_list<MinAtarAction> minimal_actions,
                     const MinAtarOptions& options);

  virtual void ResetGame(MinAtarStream& stream) = 0;
  /// One step of the running game; returns the reward and calls End() where the game ends.
  virtual int Play(std::int32_t action, MinAtarStream& stream) = 0;
  virtual void SaveGame(ByteWriter& out) const = 0;
  virtual void LoadGame(ByteReader& in) = 0;

  void End() { ended_ = true; }
  bool DifficultyRamping() const { return options_.difficulty_ramping; }

 private:
  EnvironmentSpec spec_;
  MinAtarOptions options_;
  MinAtarStream stream_;
  std::int32_t last_action_ = kNoOp;
  bool ended_ = false;
};

}  // namespace stillhouse::actors
