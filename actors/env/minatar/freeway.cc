#include "actors/env/minatar/freeway.h"

#include <algorithm>
#include <cstdlib>

#include "actors/env/minatar/state_fields.h"

namespace stillhouse::actors {
namespace {

constexpr int kColumn = 4;  // of the chicken, always
constexpr int kStart = 9;   // its row
constexpr int kMoveRest = 3;
constexpr int kMaxSpeed = 5;

}  // namespace

template <typename Self, typename Visit>
void Freeway::State::Fields(Self& state, Visit visit) {
  visit(state.row, 0, 9);
  visit(state.move_timer, 0, kMoveRest);
  visit(state.steps_left, -1, 2500);
  for (auto& x : state.x) visit(x, 0, 9);
  for (auto& timer : state.timer) visit(timer, 0, kMaxSpeed);
  for (auto& speed : state.speed) visit(speed, -kMaxSpeed, kMaxSpeed);
}

Freeway::Freeway(const MinAtarOptions& options)
    : MinAtarEnvironment("freeway", 7, {kNoOp, kUp, kDown}, options) {}

void Freeway::ResetGame(MinAtarStream& stream) {
  state_ = State{};
  DrawSpeeds(stream);
}

void Freeway::DrawSpeeds(MinAtarStream& stream) {
  State& s = state_;
  for (auto& timer : s.timer) timer = stream.Integer(1, kMaxSpeed + 1);
  for (std::size_t i = 0; i < kCars; ++i) {
    const double side = stream.Random() - 0.5;
    const int sign = (side > 0) - (side < 0);
    s.speed[i] = sign * s.timer[i];
    s.timer[i] = std::abs(s.speed[i]);
  }
}

// Written without branches, for the compiler to do the eight cars at once.
void Freeway::MoveCars() {
  State& s = state_;
  for (std::size_t i = 0; i < kCars; ++i) {
    const bool moves = s.timer[i] == 0;
    std::int32_t x = s.x[i] + (s.speed[i] > 0 ? 1 : -1);
    x = x < 0 ? 9 : x;
    x = x > 9 ? 0 : x;
    s.x[i] = moves ? x : s.x[i];
    s.timer[i] = moves ? std::abs(s.speed[i]) : s.timer[i] - 1;
  }
}

int Freeway::Play(std::int32_t action, MinAtarStream& stream) {
  State& s = state_;
  if ((action == kUp || action == kDown) && s.move_timer == 0) {
    s.move_timer = kMoveRest;
    s.row = std::clamp(s.row + (action == kUp ? -1 : 1), 0, 9);
  }
  int reward = 0;
  if (s.row == 0) {
    reward = 1;
    DrawSpeeds(stream);
    s.row = kStart;
  }
  // Each row has one car, so only that of the chicken's row can hit it, before its move or after.
  const int car = s.row - 1;
  const bool has_car = car < kCars;
  const auto i = static_cast<std::size_t>(has_car ? car : 0);
  const bool hit_before = s.x[i] == kColumn;
  MoveCars();
  if (has_car && (hit_before || s.x[i] == kColumn)) s.row = kStart;

  if (s.move_timer > 0) --s.move_timer;
  if (--s.steps_left < 0) End();
  return reward;
}

void Freeway::Observe(std::span<std::uint8_t> packed) const {
  const State& s = state_;
  std::array<Board, 7> channels{Cell(kColumn, s.row)};
  for (std::size_t i = 0; i < kCars; ++i) {
    const int row = static_cast<int>(i) + 1;
    const int x = s.x[i];
    int behind = s.speed[i] > 0 ? x - 1 : x + 1;
    if (behind < 0) behind = 9;
    if (behind > 9) behind = 0;
    channels[1] |= Cell(x, row);
    const auto speed = static_cast<std::size_t>(std::abs(s.speed[i]));
    channels[1 + speed] |= Cell(behind, row);
  }
  WriteBoards(channels, packed);
}

void Freeway::SaveGame(ByteWriter& out) const { State::Fields(state_, FieldWriter(out)); }

void Freeway::LoadGame(ByteReader& in) { State::Fields(state_, FieldReader(in)); }

}  // namespace stillhouse::actors
