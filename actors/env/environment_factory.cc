#include "actors/env/environment_factory.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/env/box2d/lunar_lander.h"
#include "actors/env/classic/acrobot.h"
#include "actors/env/classic/cart_pole.h"
#include "actors/env/classic/cart_pole_views.h"
#include "actors/env/classic/mountain_car.h"
#include "actors/env/data/data_environment.h"
#include "actors/env/data/data_options.h"
#include "actors/env/data/data_set.h"
#include "actors/env/masked_environment.h"
#include "actors/env/minatar/asterix.h"
#include "actors/env/minatar/breakout.h"
#include "actors/env/minatar/freeway.h"
#include "actors/env/minatar/seaquest.h"
#include "actors/env/minatar/several_games.h"
#include "actors/env/minatar/space_invaders.h"
#include "common/base/error.h"

namespace stillhouse::actors {
namespace {

using Infos = std::vector<EnvironmentOptionInfo>;

struct Entry {
  std::string_view id;
  std::string_view description;
  Infos (*options)();
  EnvironmentMaker::Make (*prepare)(const EnvironmentOptions&);
  bool needs_files = false;
};

template <typename Game>
EnvironmentMaker::Make MinAtar(const EnvironmentOptions& options) {
  const MinAtarOptions chosen{.sticky_action_prob = options.sticky_action_prob,
                              .difficulty_ramping = options.difficulty_ramping};
  if (!options.mask_actions) {
    return [chosen](EnvironmentUse) { return std::make_unique<Game>(chosen); };
  }
  return [chosen](EnvironmentUse) {
    return std::make_unique<MaskedEnvironment>(std::make_unique<Game>(chosen));
  };
}

EnvironmentMaker::Make SeveralMinAtar(const EnvironmentOptions& options) {
  const MinAtarOptions chosen{.sticky_action_prob = options.sticky_action_prob,
                              .difficulty_ramping = options.difficulty_ramping};
  SeveralGames check(options.several, chosen);  // says at once what is wrong with them
  SeveralGamesSettings evaluated = options.several;
  evaluated.channels = static_cast<std::int32_t>(check.Spec().observation.shape[0]);
  if (!evaluated.evaluate.empty()) evaluated.games = evaluated.evaluate;
  return [training = options.several, evaluated, chosen](EnvironmentUse use) {
    return std::make_unique<SeveralGames>(use == EnvironmentUse::kEvaluation ? evaluated : training,
                                          chosen);
  };
}

template <typename Task>
EnvironmentMaker::Make Plain(const EnvironmentOptions& /*options*/) {
  return [](EnvironmentUse) { return std::make_unique<Task>(); };
}

template <auto load>
EnvironmentMaker::Make Data(const EnvironmentOptions& options) {
  return [data = load(options.data)](EnvironmentUse use) {
    return std::make_unique<DataEnvironment>(data, use == EnvironmentUse::kTraining);
  };
}

Infos None() { return {}; }

Infos Sticky() {
  return {{"sticky_action_prob", fmt::format("{}", EnvironmentOptions{}.sticky_action_prob),
           "chance, 0 to 1, that a step repeats the action before it"},
          {"mask_actions", fmt::format("{}", EnvironmentOptions{}.mask_actions),
           "actions that the game has no use for are illegal"}};
}

Infos StickyAndRamping() {
  Infos infos = Sticky();
  infos.push_back({"difficulty_ramping", fmt::format("{}", EnvironmentOptions{}.difficulty_ramping),
                   "the game gets faster the longer it is played"});
  return infos;
}

Infos OfSeveral() {
  return {StickyAndRamping()[0],
          StickyAndRamping().back(),
          {"games", fmt::format("[{}]", fmt::join(kMinAtarGames, ", ")), "those that are played"},
          {"evaluate", "all", "of these the games that evaluation plays"},
          {"channels", "auto", "planes of the observation; auto: what the games need"}};
}

constexpr std::array kEntries = {
    Entry{"minatar/breakout", "paddle and ball against three rows of bricks", Sticky,
          MinAtar<Breakout>},
    Entry{"minatar/asterix", "collect treasures, avoid enemies", StickyAndRamping,
          MinAtar<Asterix>},
    Entry{"minatar/freeway", "cross eight lanes of traffic, 2501 steps", Sticky, MinAtar<Freeway>},
    Entry{"minatar/seaquest", "save divers, shoot fish and submarines, watch the oxygen",
          StickyAndRamping, MinAtar<Seaquest>},
    Entry{"minatar/space_invaders", "shoot the fleet before it lands", StickyAndRamping,
          MinAtar<SpaceInvaders>},
    Entry{"minatar/several", "several of these games, one an episode (docs/offline.md)", OfSeveral,
          SeveralMinAtar},
    Entry{"classic/cart_pole", "balance a pole on a cart, up to 500 steps", None, Plain<CartPole>},
    Entry{"classic/cart_pole_views",
          "cart_pole seen twice: its state, and two images of it (docs/views.md)", None,
          Plain<CartPoleViews>},
    Entry{"classic/acrobot", "swing a two-link pendulum up, up to 500 steps", None, Plain<Acrobot>},
    Entry{"classic/mountain_car", "drive a weak car out of a valley, up to 200 steps", None,
          Plain<MountainCar>},
    Entry{"box2d/lunar_lander", "set a lander down on its pad, up to 1000 steps", None,
          Plain<LunarLander>},
    Entry{"data/digits", "tell 8 x 8 images of handwritten digits, one step an episode",
          DigitsOptions, Data<LoadDigits>},
    Entry{"data/idx", "tell images of IDX files, one step an episode", IdxOptions, Data<LoadIdx>,
          true},
    Entry{"data/text", "tell lines of `label<TAB>text`, one step an episode", TextOptions,
          Data<LoadText>, true},
    Entry{"data/csv", "tell or serve the rows of a table, one step an episode", CsvOptions,
          Data<LoadCsv>, true},
};

// Ids that the configuration's documentation promises and this build cannot make.
constexpr std::array<std::string_view, 2> kNotYetPrefixes = {"plugin:", "python:"};

const Entry* Find(std::string_view id) {
  const auto* entry =
      std::find_if(kEntries.begin(), kEntries.end(), [&](const Entry& e) { return e.id == id; });
  return entry == kEntries.end() ? nullptr : entry;
}

bool NotYetSupported(std::string_view id) {
  return std::any_of(kNotYetPrefixes.begin(), kNotYetPrefixes.end(),
                     [&](std::string_view prefix) { return id.starts_with(prefix); });
}

}  // namespace

EnvironmentMaker::EnvironmentMaker(std::string_view id, const EnvironmentOptions& options) {
  if (const Entry* entry = Find(id)) {
    make_ = entry->prepare(options);
    return;
  }
  std::vector<std::string_view> ids;
  for (const Entry& entry : kEntries) ids.push_back(entry.id);
  throw ConfigError(fmt::format("environment '{}' {}; there are {}", id,
                                NotYetSupported(id) ? "is not supported yet" : "does not exist",
                                fmt::join(ids, ", ")));
}

std::unique_ptr<Environment> MakeEnvironment(std::string_view id,
                                             const EnvironmentOptions& options) {
  return EnvironmentMaker(id, options)(EnvironmentUse::kTraining);
}

std::vector<EnvironmentInfo> BuiltInEnvironments() {
  std::vector<EnvironmentInfo> infos;
  for (const Entry& entry : kEntries) {
    infos.push_back({std::string(entry.id), std::string(entry.description), entry.options(),
                     entry.needs_files});
  }
  return infos;
}

bool EnvironmentHasOption(std::string_view id, std::string_view name) {
  const Entry* entry = Find(id);
  if (entry == nullptr) return false;
  const auto infos = entry->options();
  return std::any_of(infos.begin(), infos.end(),
                     [&](const auto& info) { return info.name == name; });
}

}  // namespace stillhouse::actors
