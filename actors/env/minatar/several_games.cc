#include "actors/env/minatar/several_games.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/ranges.h>

#include "actors/env/minatar/asterix.h"
#include "actors/env/minatar/board.h"
#include "actors/env/minatar/breakout.h"
#include "actors/env/minatar/freeway.h"
#include "actors/env/minatar/seaquest.h"
#include "actors/env/minatar/space_invaders.h"
#include "common/base/context.h"
#include "common/base/error.h"

namespace stillhouse::actors {
namespace {

/// Apart from every stream that begins with an environment's seed.
constexpr std::uint64_t kDrawsGames = 0x6a09e667;

template <typename Game>
std::unique_ptr<MinAtarEnvironment> Make(const MinAtarOptions& options) {
  return std::make_unique<Game>(options);
}

/// In the order of kMinAtarGames.
using GameMaker = std::unique_ptr<MinAtarEnvironment> (*)(const MinAtarOptions&);
constexpr std::array<GameMaker, kMinAtarGames.size()> kMakers = {
    Make<Breakout>, Make<Asterix>, Make<Freeway>, Make<Seaquest>, Make<SpaceInvaders>};

std::size_t ChannelsOf(const Environment& game) {
  return static_cast<std::size_t>(game.Spec().observation.shape[0]);
}

}  // namespace

SeveralGames::SeveralGames(const SeveralGamesSettings& settings, const MinAtarOptions& options) {
  std::size_t needed = 0;
  for (const std::string& name : settings.games) {
    const auto number = GameNumber(name);
    if (!number) {
      throw ConfigError(fmt::format("minatar/several: no game is '{}'; there are {}", name,
                                    fmt::join(kMinAtarGames, ", ")));
    }
    if (std::find(contexts_.begin(), contexts_.end(), *number) != contexts_.end()) {
      throw ConfigError(fmt::format("minatar/several: '{}' is given twice", name));
    }
    contexts_.push_back(*number);
    games_.push_back(kMakers[*number](options));
    needed = std::max(needed, ChannelsOf(*games_.back()));
  }
  if (games_.empty()) throw ConfigError("minatar/several: there is no game to play");
  for (const std::string& name : settings.evaluate) {
    if (std::find(settings.games.begin(), settings.games.end(), name) != settings.games.end()) {
      continue;
    }
    throw ConfigError(
        fmt::format("minatar/several: '{}' is to be evaluated and is not played", name));
  }
  const auto channels =
      settings.channels == 0 ? static_cast<std::int64_t>(needed) : std::int64_t{settings.channels};
  if (channels < static_cast<std::int64_t>(needed)) {
    throw ConfigError(fmt::format("minatar/several: {} channels, and {} need {}", channels,
                                  fmt::join(settings.games, ", "), needed));
  }
  spec_ = games_[0]->Spec();
  spec_.id = "minatar/several";
  spec_.observation = {.kind = ElementKind::kBits,
                       .shape = {channels, kBoardSide, kBoardSide},
                       .contexts = static_cast<std::int32_t>(kMinAtarGames.size())};
  // An action is like a lesser one where it is in all of them.
  for (std::size_t action = 0; action < spec_.canonical_action.size(); ++action) {
    for (const auto& game : games_) {
      if (game->Spec().canonical_action[action] == static_cast<std::int32_t>(action)) {
        spec_.canonical_action[action] = static_cast<std::int32_t>(action);
      }
    }
  }
}

void SeveralGames::Seed(std::uint64_t seed) {
  rng_ = Rng(seed, kDrawsGames);
  drawn_ = false;
  for (const auto& game : games_) game->Seed(seed);
}

void SeveralGames::Reset() {
  if (!drawn_ || steps_ >= kTurnSteps) {
    present_ = static_cast<std::size_t>(rng_.Below(games_.size()));
    drawn_ = true;
    steps_ = 0;
  }
  games_[present_]->Reset();
}

StepResult SeveralGames::Step(std::int32_t action) {
  ++steps_;
  return games_[present_]->Step(action);
}

void SeveralGames::Observe(std::span<std::uint8_t> packed) const {
  const Environment& game = *games_[present_];
  const auto bytes = static_cast<std::size_t>(game.Spec().observation.PackedBytes());
  SH_CHECK(packed.size() == static_cast<std::size_t>(spec_.observation.PackedBytes()));
  game.Observe(packed.first(bytes));  // the last byte's bits of no plane are 0
  std::fill(packed.begin() + static_cast<std::ptrdiff_t>(bytes), packed.end(), std::uint8_t{0});
  WriteContext(spec_.observation, Context(), packed);
}

void SeveralGames::Save(ByteWriter& out) const {
  for (const std::uint64_t word : rng_.Save()) out.Put(word);
  out.Put(static_cast<std::uint8_t>(drawn_ ? 1 : 0));
  out.Put(static_cast<std::uint32_t>(present_));
  out.Put(steps_);
  for (const auto& game : games_) game->Save(out);
}

void SeveralGames::Load(ByteReader& in) {
  Rng::State state;
  for (std::uint64_t& word : state) word = in.Get<std::uint64_t>();
  rng_.Restore(state);
  drawn_ = in.GetBool();
  present_ = in.Get<std::uint32_t>();
  if (present_ >= games_.size()) {
    const std::size_t found = present_;
    present_ = 0;
    in.Fail(fmt::format("game {} of {}", found, games_.size()));
  }
  steps_ = in.Get<std::int64_t>();
  if (steps_ < 0) in.Fail(fmt::format("{} steps of a game", steps_));
  for (const auto& game : games_) game->Load(in);
}

}  // namespace stillhouse::actors
