#include "actors/env/minatar/seaquest.h"

#include <algorithm>
#include <limits>

#include "actors/env/minatar/state_fields.h"

namespace stillhouse::actors {
namespace {

constexpr int kFullOxygen = 200;
constexpr int kFullCrew = 6;
constexpr int kShotRest = 5;
constexpr int kEnemyShotRest = 10;
constexpr int kDiverSpawnRest = 30;
constexpr int kDiverMoveRest = 5;
constexpr int kSlowestSpawn = 20;
constexpr int kSlowestMove = 5;
constexpr int kFastestMove = 2;
constexpr int kBottom = kBoardSide - 1;  // the row of the gauges

template <typename Piece>
void Advance(Piece& piece) {
  piece.x += piece.right ? 1 : -1;
}

template <typename Piece>
int Behind(const Piece& piece) {
  return piece.right ? piece.x - 1 : piece.x + 1;
}

// Deletes the first element equal to list[index], as the reference does; with equal elements
// that is another one. Returns where list[index] stands then, -1 when itself was deleted.
template <typename Piece>
int RemoveFirstEqual(std::vector<Piece>& list, int index) {
  const Piece value = list[static_cast<std::size_t>(index)];
  const auto first = std::find(list.begin(), list.end(), value);
  const bool itself = first - list.begin() == index;
  list.erase(first);
  return itself ? -1 : index - 1;
}

// Deletes the first element in the cell (x, y), if any.
template <typename Piece>
bool RemoveAt(std::vector<Piece>& list, int x, int y) {
  const auto hit = std::find_if(list.begin(), list.end(),
                                [=](const Piece& piece) { return piece.x == x && piece.y == y; });
  if (hit == list.end()) return false;
  list.erase(hit);
  return true;
}

template <typename Piece>
int Last(const std::vector<Piece>& list) {
  return static_cast<int>(list.size()) - 1;
}

template <typename Piece>
Board Cells(const std::vector<Piece>& list) {
  Board cells = 0;
  for (const Piece& piece : list) cells |= Cell(piece.x, piece.y);
  return cells;
}

}  // namespace

template <typename Self, typename Visit>
void Seaquest::State::Fields(Self& state, Visit visit) {
  constexpr int kMost = std::numeric_limits<int>::max();
  visit(state.x, 0, 9);
  visit(state.y, 0, 8);
  visit(state.right, 0, 1);
  visit(state.oxygen, -1, kFullOxygen);
  visit(state.divers_held, -kMost, kFullCrew);
  visit(state.surfaced, 0, 1);
  visit(state.shot_timer, 0, kShotRest);
  visit(state.enemy_spawn_speed, 1, kSlowestSpawn);
  visit(state.enemy_spawn_timer, 0, kSlowestSpawn);
  visit(state.diver_spawn_timer, 0, kDiverSpawnRest);
  visit(state.move_speed, kFastestMove, kSlowestMove);
  visit(state.ramp_index, 0, kMost);
  const auto bullet = [](auto& item, auto& each) {
    each(item.x, 0, 9);
    each(item.y, 0, 8);
    each(item.right, 0, 1);
  };
  const auto swimmer = [bullet](auto& item, auto& each) {
    bullet(item, each);
    each(item.timer, 0, kSlowestMove);
    each(item.shot, 0, kEnemyShotRest);
  };
  visit.List(state.own_bullets, bullet);
  visit.List(state.enemy_bullets, bullet);
  visit.List(state.fish, swimmer);
  visit.List(state.submarines, swimmer);
  visit.List(state.divers, swimmer);
}

Seaquest::Seaquest(const MinAtarOptions& options)
    : MinAtarEnvironment("seaquest", 10, {kNoOp, kLeft, kUp, kRight, kDown, kFire}, options) {}

void Seaquest::ResetGame(MinAtarStream& /*stream*/) {
  State fresh;
  // Keep the lists' memory, so that episodes do not allocate.
  fresh.own_bullets.swap(state_.own_bullets);
  fresh.enemy_bullets.swap(state_.enemy_bullets);
  fresh.fish.swap(state_.fish);
  fresh.submarines.swap(state_.submarines);
  fresh.divers.swap(state_.divers);
  state_ = std::move(fresh);
  state_.own_bullets.clear();
  state_.enemy_bullets.clear();
  state_.fish.clear();
  state_.submarines.clear();
  state_.divers.clear();
}

template <typename Piece>
bool Seaquest::AtPlayer(const Piece& piece) const {
  return piece.x == state_.x && piece.y == state_.y;
}

void Seaquest::SpawnEnemy(MinAtarStream& stream) {
  State& s = state_;
  const bool right = stream.Random() < 0.5;
  const bool is_submarine = stream.Random() < 1.0 / 3.0;
  const int y = stream.Integer(1, 9);
  const auto opposes = [=](const Swimmer& other) { return other.y == y && other.right != right; };
  if (std::any_of(s.submarines.begin(), s.submarines.end(), opposes)) return;
  if (std::any_of(s.fish.begin(), s.fish.end(), opposes)) return;
  const int x = right ? 0 : 9;
  if (is_submarine) {
    s.submarines.push_back({x, y, right, s.move_speed, kEnemyShotRest});
  } else {
    s.fish.push_back({x, y, right, s.move_speed, 0});
  }
}

void Seaquest::SpawnDiver(MinAtarStream& stream) {
  const bool right = stream.Random() < 0.5;
  const int y = stream.Integer(1, 9);
  state_.divers.push_back({right ? 0 : 9, y, right, kDiverMoveRest, 0});
}

void Seaquest::MovePlayer(std::int32_t action) {
  State& s = state_;
  switch (action) {
    case kFire:
      if (s.shot_timer == 0) {
        s.own_bullets.push_back({s.x, s.y, s.right});
        s.shot_timer = kShotRest;
      }
      break;
    case kLeft:
      s.x = std::max(0, s.x - 1);
      s.right = false;
      break;
    case kRight:
      s.x = std::min(9, s.x + 1);
      s.right = true;
      break;
    case kUp:
      s.y = std::max(0, s.y - 1);
      break;
    case kDown:
      s.y = std::min(8, s.y + 1);
      break;
    default:
      break;
  }
}

int Seaquest::MoveOwnBullets() {
  State& s = state_;
  int reward = 0;
  for (int i = Last(s.own_bullets); i >= 0; --i) {
    Bullet& bullet = s.own_bullets[static_cast<std::size_t>(i)];
    Advance(bullet);
    if (!OnBoard(bullet.x)) {
      RemoveFirstEqual(s.own_bullets, i);
    } else if (RemoveAt(s.fish, bullet.x, bullet.y) || RemoveAt(s.submarines, bullet.x, bullet.y)) {
      RemoveFirstEqual(s.own_bullets, i);
      ++reward;
    }
  }
  return reward;
}

void Seaquest::MoveDivers() {
  State& s = state_;
  for (int i = Last(s.divers); i >= 0; --i) {
    Swimmer& diver = s.divers[static_cast<std::size_t>(i)];
    bool moved_out = false;
    bool saved = AtPlayer(diver) && s.divers_held < kFullCrew;
    if (!saved && diver.timer == 0) {
      diver.timer = kDiverMoveRest;
      Advance(diver);
      moved_out = !OnBoard(diver.x);
      saved = !moved_out && AtPlayer(diver) && s.divers_held < kFullCrew;
    } else if (!saved) {
      --diver.timer;
    }
    if (saved) ++s.divers_held;
    if (saved || moved_out) RemoveFirstEqual(s.divers, i);
  }
}

Seaquest::Turn Seaquest::MoveEnemy(std::vector<Swimmer>& enemies, int index) {
  State& s = state_;
  Swimmer& enemy = enemies[static_cast<std::size_t>(index)];
  Turn turn{0, index, enemy};
  bool removed = false;
  if (AtPlayer(enemy)) End();
  if (enemy.timer == 0) {
    enemy.timer = s.move_speed;
    Advance(enemy);
    if (!OnBoard(enemy.x)) {
      removed = true;
    } else if (AtPlayer(enemy)) {
      End();
    } else if (RemoveAt(s.own_bullets, enemy.x, enemy.y)) {
      removed = true;
      turn.reward = 1;
    }
  } else {
    --enemy.timer;
  }
  turn.enemy = enemy;
  if (removed) turn.index = RemoveFirstEqual(enemies, index);
  return turn;
}

int Seaquest::MoveSubmarines() {
  State& s = state_;
  int reward = 0;
  for (int i = Last(s.submarines); i >= 0; --i) {
    Turn turn = MoveEnemy(s.submarines, i);
    reward += turn.reward;
    Swimmer& enemy = turn.enemy;
    if (enemy.shot == 0) {  // one that was just removed shoots too
      enemy.shot = kEnemyShotRest;
      s.enemy_bullets.push_back({enemy.x, enemy.y, enemy.right});
    } else {
      --enemy.shot;
    }
    if (turn.index >= 0) s.submarines[static_cast<std::size_t>(turn.index)] = enemy;
  }
  return reward;
}

void Seaquest::MoveEnemyBullets() {
  State& s = state_;
  for (int i = Last(s.enemy_bullets); i >= 0; --i) {
    Bullet& bullet = s.enemy_bullets[static_cast<std::size_t>(i)];
    if (AtPlayer(bullet)) End();
    Advance(bullet);
    if (AtPlayer(bullet)) End();
    if (!OnBoard(bullet.x)) RemoveFirstEqual(s.enemy_bullets, i);
  }
}

int Seaquest::MoveFish() {
  int reward = 0;
  for (int i = Last(state_.fish); i >= 0; --i) reward += MoveEnemy(state_.fish, i).reward;
  return reward;
}

// Oxygen and the surface. Returns the reward.
int Seaquest::Breathe() {
  State& s = state_;
  if (s.oxygen <= 0) End();
  if (s.y > 0) {
    --s.oxygen;
    s.surfaced = false;
    return 0;
  }
  if (s.surfaced) return 0;
  if (s.divers_held == 0) {
    End();
    return 0;
  }
  return Surface();
}

int Seaquest::Surface() {
  State& s = state_;
  s.surfaced = true;
  int reward = 0;
  if (s.divers_held == kFullCrew) {
    s.divers_held = 0;
    reward = s.oxygen * 10 / kFullOxygen;
  }
  s.oxygen = kFullOxygen;
  --s.divers_held;
  if (DifficultyRamping() && (s.enemy_spawn_speed > 1 || s.move_speed > kFastestMove)) {
    if (s.move_speed > kFastestMove && s.ramp_index % 2 == 1) --s.move_speed;
    if (s.enemy_spawn_speed > 1) --s.enemy_spawn_speed;
    ++s.ramp_index;
  }
  return reward;
}

int Seaquest::Play(std::int32_t action, MinAtarStream& stream) {
  State& s = state_;
  if (s.enemy_spawn_timer == 0) {
    SpawnEnemy(stream);
    s.enemy_spawn_timer = s.enemy_spawn_speed;
  }
  if (s.diver_spawn_timer == 0) {
    SpawnDiver(stream);
    s.diver_spawn_timer = kDiverSpawnRest;
  }
  MovePlayer(action);
  int reward = MoveOwnBullets();
  MoveDivers();
  reward += MoveSubmarines();
  MoveEnemyBullets();
  reward += MoveFish();
  for (int* timer : {&s.enemy_spawn_timer, &s.diver_spawn_timer, &s.shot_timer}) {
    if (*timer > 0) --*timer;
  }
  return reward + Breathe();
}

void Seaquest::Observe(std::span<std::uint8_t> packed) const {
  const State& s = state_;
  Board trail = 0;
  for (const auto* list : {&s.fish, &s.submarines, &s.divers}) {
    for (const Swimmer& swimmer : *list) {
      const int x = Behind(swimmer);
      if (OnBoard(x)) trail |= Cell(x, swimmer.y);
    }
  }
  const int oxygen = std::max(0, s.oxygen) * 10 / kFullOxygen;
  const int divers = std::max(0, s.divers_held);
  const unsigned diver_columns = ((1U << divers) - 1) << (kBottom - divers);
  WriteBoards<10>({Cell(s.x, s.y), Cell(s.right ? s.x - 1 : s.x + 1, s.y), Cells(s.own_bullets),
                   trail, Cells(s.enemy_bullets), Cells(s.fish), Cells(s.submarines),
                   Row(kBottom, (1U << oxygen) - 1), Row(kBottom, diver_columns), Cells(s.divers)},
                  packed);
}

void Seaquest::SaveGame(ByteWriter& out) const { State::Fields(state_, FieldWriter(out)); }

void Seaquest::LoadGame(ByteReader& in) {
  State::Fields(state_, FieldReader(in));
  if (state_.x == (state_.right ? 0 : 9)) in.Fail("the submarine's back is off the board");
}

}  // namespace stillhouse::actors
