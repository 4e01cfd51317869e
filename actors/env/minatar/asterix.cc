#include "actors/env/minatar/asterix.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "actors/env/minatar/state_fields.h"

namespace stillhouse::actors {
namespace {

constexpr unsigned kAllSlots = 0xff;
constexpr int kRampSteps = 100;

}  // namespace

template <typename Self, typename Visit>
void Asterix::State::Fields(Self& state, Visit visit) {
  visit(state.x, 0, 9);
  visit(state.y, 1, 8);
  for (auto& x : state.slot_x) visit(x, 0, 9);
  visit(state.filled, 0, kAllSlots);
  visit(state.right, 0, kAllSlots);
  visit(state.gold, 0, kAllSlots);
  visit(state.spawn_speed, 1, 10);
  visit(state.spawn_timer, 0, 10);
  visit(state.move_speed, 1, 5);
  visit(state.move_timer, 0, 5);
  visit(state.ramp_timer, -1, kRampSteps);
  visit(state.ramp_index, 0, std::numeric_limits<int>::max());
}

Asterix::Asterix(const MinAtarOptions& options)
    : MinAtarEnvironment("asterix", 4, {kNoOp, kLeft, kUp, kRight, kDown}, options) {}

void Asterix::ResetGame(MinAtarStream& /*stream*/) { state_ = State{}; }

void Asterix::Spawn(MinAtarStream& stream) {
  State& s = state_;
  const bool right = stream.Random() < 0.5;
  const bool gold = stream.Random() < 1.0 / 3.0;
  unsigned empty = ~s.filled & kAllSlots;
  if (empty == 0) return;
  for (int skip = stream.Integer(0, std::popcount(empty)); skip > 0; --skip) empty &= empty - 1;
  const unsigned bit = empty & (~empty + 1);
  s.slot_x[static_cast<std::size_t>(std::countr_zero(empty))] = right ? 0 : 9;
  s.filled |= bit;
  s.right = right ? s.right | bit : s.right & ~bit;
  s.gold = gold ? s.gold | bit : s.gold & ~bit;
}

// What meeting the player does, for the one slot in the player's row. Returns the reward.
int Asterix::Touch(unsigned slot) {
  State& s = state_;
  const unsigned bit = 1U << slot;
  if ((s.filled & bit) == 0 || s.slot_x[slot] != s.x) return 0;
  if ((s.gold & bit) == 0) {
    End();
    return 0;
  }
  s.filled &= ~bit;
  return 1;
}

void Asterix::MoveSlots() {
  State& s = state_;
  for (unsigned left = s.filled; left != 0; left &= left - 1) {
    const auto slot = static_cast<unsigned>(std::countr_zero(left));
    const int x = s.slot_x[slot] + ((s.right >> slot & 1) != 0 ? 1 : -1);
    if (OnBoard(x)) {
      s.slot_x[slot] = x;
    } else {
      s.filled &= ~(1U << slot);
    }
  }
}

void Asterix::Ramp() {
  State& s = state_;
  if (s.spawn_speed <= 1 && s.move_speed <= 1) return;
  if (s.ramp_timer >= 0) {
    --s.ramp_timer;
    return;
  }
  if (s.move_speed > 1 && s.ramp_index % 2 == 1) --s.move_speed;
  if (s.spawn_speed > 1) --s.spawn_speed;
  ++s.ramp_index;
  s.ramp_timer = kRampSteps;
}

int Asterix::Play(std::int32_t action, MinAtarStream& stream) {
  State& s = state_;
  if (s.spawn_timer == 0) {
    Spawn(stream);
    s.spawn_timer = s.spawn_speed;
  }
  if (action == kLeft) s.x = std::max(0, s.x - 1);
  if (action == kRight) s.x = std::min(9, s.x + 1);
  if (action == kUp) s.y = std::max(1, s.y - 1);
  if (action == kDown) s.y = std::min(8, s.y + 1);

  const auto own_slot = static_cast<unsigned>(s.y - 1);
  int reward = Touch(own_slot);
  if (s.move_timer == 0) {
    s.move_timer = s.move_speed;
    MoveSlots();
    reward += Touch(own_slot);
  }
  --s.spawn_timer;
  --s.move_timer;
  if (DifficultyRamping()) Ramp();
  return reward;
}

void Asterix::Observe(std::span<std::uint8_t> packed) const {
  const State& s = state_;
  std::array<Board, 4> channels{Cell(s.x, s.y)};
  for (unsigned left = s.filled; left != 0; left &= left - 1) {
    const auto slot = static_cast<unsigned>(std::countr_zero(left));
    const int row = static_cast<int>(slot) + 1;
    const int x = s.slot_x[slot];
    const int behind = (s.right >> slot & 1) != 0 ? x - 1 : x + 1;
    channels[(s.gold >> slot & 1) != 0 ? 3 : 1] |= Cell(x, row);
    if (OnBoard(behind)) channels[2] |= Cell(behind, row);
  }
  WriteBoards(channels, packed);
}

void Asterix::SaveGame(ByteWriter& out) const { State::Fields(state_, FieldWriter(out)); }

void Asterix::LoadGame(ByteReader& in) { State::Fields(state_, FieldReader(in)); }

}  // namespace stillhouse::actors
