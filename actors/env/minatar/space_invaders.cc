#include "actors/env/minatar/space_invaders.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "actors/env/minatar/state_fields.h"

namespace stillhouse::actors {
namespace {

constexpr int kBottom = kBoardSide - 1;
constexpr int kShotRest = 5;
constexpr int kAlienShotRest = 10;
constexpr int kFastestInterval = 6;
constexpr int kSlowestInterval = 12;
constexpr unsigned kFleetColumns = 0b0011111100;
constexpr Board kFleet =
    Row(0, kFleetColumns) | Row(1, kFleetColumns) | Row(2, kFleetColumns) | Row(3, kFleetColumns);

int Count(Board cells) {
  return std::popcount(static_cast<std::uint64_t>(cells)) +
         std::popcount(static_cast<std::uint64_t>(cells >> 64));
}

// The column with an alien nearest to x; of two the left one. -1 without aliens.
int NearestColumn(Board aliens, int x) {
  for (int distance = 0; distance < kBoardSide; ++distance) {
    for (const int column : {x - distance, x + distance}) {
      if (OnBoard(column) && (aliens & (Column(0) << column)) != 0) return column;
    }
  }
  return -1;
}

}  // namespace

template <typename Self, typename Visit>
void SpaceInvaders::State::Fields(Self& state, Visit visit) {
  visit(state.cannon, 0, 9);
  visit(state.own_bullets);
  visit(state.enemy_bullets);
  visit(state.aliens);
  visit(state.direction, -1, 1);
  visit(state.interval, kFastestInterval, kSlowestInterval);
  visit(state.move_timer, 0, kSlowestInterval);
  visit(state.alien_shot_timer, 0, kAlienShotRest);
  visit(state.shot_timer, 0, kShotRest);
  visit(state.ramp_index, 0, std::numeric_limits<int>::max());
}

SpaceInvaders::SpaceInvaders(const MinAtarOptions& options)
    : MinAtarEnvironment("space_invaders", 6, {kNoOp, kLeft, kRight, kFire}, options) {}

void SpaceInvaders::ResetGame(MinAtarStream& /*stream*/) {
  state_ = State{};
  state_.aliens = kFleet;
}

void SpaceInvaders::MoveAliens() {
  State& s = state_;
  s.move_timer = std::min(Count(s.aliens), s.interval);
  const Board wall = s.direction < 0 ? Column(0) : Column(9);
  if ((s.aliens & wall) != 0) {
    s.direction = -s.direction;
    if ((s.aliens & Row(kBottom)) != 0) End();
    s.aliens = ((s.aliens << kBoardSide) | (s.aliens >> (kBoardCells - kBoardSide))) & kAllCells;
  } else {
    s.aliens = s.direction < 0 ? s.aliens >> 1 : s.aliens << 1;  // no wrap: the wall is free
  }
}

void SpaceInvaders::AlienShoots() {
  State& s = state_;
  const int column = NearestColumn(s.aliens, s.cannon);
  if (column < 0) return;
  int row = kBottom;
  while ((s.aliens & Cell(column, row)) == 0) --row;
  s.enemy_bullets |= Cell(column, row);
}

int SpaceInvaders::Play(std::int32_t action, MinAtarStream& /*stream*/) {
  State& s = state_;
  if (action == kFire && s.shot_timer == 0) {
    s.own_bullets |= Cell(s.cannon, kBottom);
    s.shot_timer = kShotRest;
  }
  if (action == kLeft) s.cannon = std::max(0, s.cannon - 1);
  if (action == kRight) s.cannon = std::min(9, s.cannon + 1);
  const Board cannon = Cell(s.cannon, kBottom);

  s.own_bullets >>= kBoardSide;
  s.enemy_bullets = (s.enemy_bullets << kBoardSide) & kAllCells;
  if (((s.enemy_bullets | s.aliens) & cannon) != 0) End();
  if (s.move_timer == 0) {
    MoveAliens();
    if ((s.aliens & cannon) != 0) End();
  }
  if (s.alien_shot_timer == 0) {
    s.alien_shot_timer = kAlienShotRest;
    AlienShoots();
  }
  const Board hits = s.aliens & s.own_bullets;
  s.aliens ^= hits;
  s.own_bullets ^= hits;

  if (s.shot_timer > 0) --s.shot_timer;
  --s.move_timer;
  --s.alien_shot_timer;
  if (s.aliens == 0) {
    if (s.interval > kFastestInterval && DifficultyRamping()) {
      --s.interval;
      ++s.ramp_index;
    }
    s.aliens = kFleet;
  }
  return Count(hits);
}

void SpaceInvaders::Observe(std::span<std::uint8_t> packed) const {
  const State& s = state_;
  const Board none = 0;
  WriteBoards<6>({Cell(s.cannon, kBottom), s.aliens, s.direction < 0 ? s.aliens : none,
                  s.direction > 0 ? s.aliens : none, s.own_bullets, s.enemy_bullets},
                 packed);
}

void SpaceInvaders::SaveGame(ByteWriter& out) const { State::Fields(state_, FieldWriter(out)); }

void SpaceInvaders::LoadGame(ByteReader& in) { State::Fields(state_, FieldReader(in)); }

}  // namespace stillhouse::actors
