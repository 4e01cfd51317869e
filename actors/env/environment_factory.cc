#include "actors/env/environment_factory.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/env/classic/acrobot.h"
#include "actors/env/classic/cart_pole.h"
#include "actors/env/classic/mountain_car.h"
#include "actors/env/minatar/asterix.h"
#include "actors/env/minatar/breakout.h"
#include "actors/env/minatar/freeway.h"
#include "actors/env/minatar/seaquest.h"
#include "actors/env/minatar/space_invaders.h"
#include "common/base/error.h"

namespace stillhouse::actors {
namespace {

enum class Options { kNone, kSticky, kStickyAndRamping };

struct Entry {
  std::string_view id;
  std::string_view description;
  Options options;
  std::unique_ptr<Environment> (*make)(const EnvironmentOptions&);
};

template <typename Game>
std::unique_ptr<Environment> MakeMinAtar(const EnvironmentOptions& options) {
  return std::make_unique<Game>(MinAtarOptions{.sticky_action_prob = options.sticky_action_prob,
                                               .difficulty_ramping = options.difficulty_ramping});
}

template <typename Task>
std::unique_ptr<Environment> MakeClassic(const EnvironmentOptions& /*options*/) {
  return std::make_unique<Task>();
}

constexpr std::array kEntries = {
    Entry{"minatar/breakout", "paddle and ball against three rows of bricks", Options::kSticky,
          MakeMinAtar<Breakout>},
    Entry{"minatar/asterix", "collect treasures, avoid enemies", Options::kStickyAndRamping,
          MakeMinAtar<Asterix>},
    Entry{"minatar/freeway", "cross eight lanes of traffic, 2501 steps", Options::kSticky,
          MakeMinAtar<Freeway>},
    Entry{"minatar/seaquest", "save divers, shoot fish and submarines, watch the oxygen",
          Options::kStickyAndRamping, MakeMinAtar<Seaquest>},
    Entry{"minatar/space_invaders", "shoot the fleet before it lands", Options::kStickyAndRamping,
          MakeMinAtar<SpaceInvaders>},
    Entry{"classic/cart_pole", "balance a pole on a cart, up to 500 steps", Options::kNone,
          MakeClassic<CartPole>},
    Entry{"classic/acrobot", "swing a two-link pendulum up, up to 500 steps", Options::kNone,
          MakeClassic<Acrobot>},
    Entry{"classic/mountain_car", "drive a weak car out of a valley, up to 200 steps",
          Options::kNone, MakeClassic<MountainCar>},
};

// Ids that the configuration's documentation promises and this build cannot make.
constexpr std::array<std::string_view, 5> kNotYetIds = {"box2d/lunar_lander", "data/digits",
                                                        "data/idx", "data/text", "data/csv"};
constexpr std::array<std::string_view, 2> kNotYetPrefixes = {"plugin:", "python:"};

const Entry* Find(std::string_view id) {
  const auto* entry =
      std::find_if(kEntries.begin(), kEntries.end(), [&](const Entry& e) { return e.id == id; });
  return entry == kEntries.end() ? nullptr : entry;
}

bool NotYetSupported(std::string_view id) {
  return std::find(kNotYetIds.begin(), kNotYetIds.end(), id) != kNotYetIds.end() ||
         std::any_of(kNotYetPrefixes.begin(), kNotYetPrefixes.end(),
                     [&](std::string_view prefix) { return id.starts_with(prefix); });
}

std::vector<EnvironmentOptionInfo> OptionInfos(Options options) {
  std::vector<EnvironmentOptionInfo> infos;
  if (options == Options::kNone) return infos;
  const EnvironmentOptions defaults;
  infos.push_back({"sticky_action_prob", fmt::format("{}", defaults.sticky_action_prob),
                   "chance, 0 to 1, that a step repeats the action before it"});
  if (options == Options::kSticky) return infos;
  infos.push_back({"difficulty_ramping", fmt::format("{}", defaults.difficulty_ramping),
                   "the game gets faster the longer it is played"});
  return infos;
}

}  // namespace

std::unique_ptr<Environment> MakeEnvironment(std::string_view id,
                                             const EnvironmentOptions& options) {
  if (const Entry* entry = Find(id)) return entry->make(options);
  std::vector<std::string_view> ids;
  for (const Entry& entry : kEntries) ids.push_back(entry.id);
  throw ConfigError(fmt::format("environment '{}' {}; there are {}", id,
                                NotYetSupported(id) ? "is not supported yet" : "does not exist",
                                fmt::join(ids, ", ")));
}

std::vector<EnvironmentInfo> BuiltInEnvironments() {
  std::vector<EnvironmentInfo> infos;
  for (const Entry& entry : kEntries) {
    infos.push_back(
        {std::string(entry.id), std::string(entry.description), OptionInfos(entry.options)});
  }
  return infos;
}

bool EnvironmentHasOption(std::string_view id, std::string_view name) {
  const Entry* entry = Find(id);
  if (entry == nullptr) return false;
  const auto infos = OptionInfos(entry->options);
  return std::any_of(infos.begin(), infos.end(),
                     [&](const auto& info) { return info.name == name; });
}

}  // namespace stillhouse::actors
