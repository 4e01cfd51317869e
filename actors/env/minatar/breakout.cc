#include "actors/env/minatar/breakout.h"

#include <algorithm>

#include "actors/env/minatar/state_fields.h"

namespace stillhouse::actors {
namespace {

constexpr Board kWall = Row(1) | Row(2) | Row(3);
constexpr int kBottom = kBoardSide - 1;
constexpr int kDx[] = {-1, 1, 1, -1};
constexpr int kDy[] = {-1, -1, 1, 1};

// The directions are numbered so that turning is an exclusive or.
constexpr int kTurnSideways = 1;
constexpr int kTurnUpDown = 3;
constexpr int kTurnBack = 2;

}  // namespace

template <typename Self, typename Visit>
void Breakout::State::Fields(Self& state, Visit visit) {
  visit(state.paddle, 0, 9);
  visit(state.x, 0, 9);
  visit(state.y, 0, 9);
  visit(state.direction, 0, 3);
  visit(state.last_x, 0, 9);
  visit(state.last_y, 0, 9);
  visit(state.strike, 0, 1);
  visit(state.bricks);
}

Breakout::Breakout(const MinAtarOptions& options)
    : MinAtarEnvironment("breakout", 4, {kNoOp, kLeft, kRight}, options) {}

void Breakout::ResetGame(MinAtarStream& stream) {
  const bool from_left = stream.Integer(0, 2) == 0;
  state_ = State{};
  state_.x = state_.last_x = from_left ? 0 : 9;
  state_.direction = from_left ? 2 : 3;
  state_.bricks = kWall;
}

int Breakout::Play(std::int32_t action, MinAtarStream& /*stream*/) {
  State& s = state_;
  if (action == kLeft) s.paddle = std::max(0, s.paddle - 1);
  if (action == kRight) s.paddle = std::min(9, s.paddle + 1);

  s.last_x = s.x;
  s.last_y = s.y;
  int x = s.x + kDx[s.direction];
  int y = s.y + kDy[s.direction];
  if (!OnBoard(x)) {
    x = std::clamp(x, 0, 9);
    s.direction ^= kTurnSideways;
  }

  int reward = 0;
  bool touch = false;
  if (y < 0) {
    y = 0;
    s.direction ^= kTurnUpDown;
  } else if ((s.bricks & Cell(x, y)) != 0) {
    touch = true;
    if (!s.strike) {
      reward = 1;
      s.strike = true;
      s.bricks &= ~Cell(x, y);
      y = s.last_y;
      s.direction ^= kTurnUpDown;
    }
  } else if (y == kBottom) {
    if (s.bricks == 0) s.bricks = kWall;
    if (s.x == s.paddle) {
      s.direction ^= kTurnUpDown;
      y = s.last_y;
    } else if (x == s.paddle) {
      s.direction ^= kTurnBack;
      y = s.last_y;
    } else {
      End();
    }
  }
  if (!touch) s.strike = false;
  s.x = x;
  s.y = y;
  return reward;
}

void Breakout::Observe(std::span<std::uint8_t> packed) const {
  const State& s = state_;
  WriteBoards<4>({Cell(s.paddle, kBottom), Cell(s.x, s.y), Cell(s.last_x, s.last_y), s.bricks},
                 packed);
}

void Breakout::SaveGame(ByteWriter& out) const { State::Fields(state_, FieldWriter(out)); }

void Breakout::LoadGame(ByteReader& in) { State::Fields(state_, FieldReader(in)); }

}  // namespace stillhouse::actors
