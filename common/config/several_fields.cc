// `env.options` of minatar/several, which plays several games.
#include <algorithm>

#include "common/config/config_fields.h"
#include "common/config/contexts.h"

namespace stillhouse {
namespace {

const std::vector<std::string> kNames(kMinAtarGames.begin(), kMinAtarGames.end());

std::string PrintNames(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + PrintText(name);
  return "[" + text + "]";
}

/// A list of different games. `none`: the word for an empty list; empty: there must be one.
Field<SeveralGamesSettings> GamesField(std::string path,
                                       std::vector<std::string> SeveralGamesSettings::*member,
                                       const std::string& none, std::string doc) {
  const std::string allowed =
      none + (none.empty() ? "" : ", or ") + "list of games: " + PrintNames(kNames);
  return {std::move(path),
          allowed,
          std::move(doc),
          [=](const FieldInput& in, SeveralGamesSettings& out) {
            std::vector<std::string> games;
            if (!none.empty() && IsWord(in.node, none)) {
              out.*member = games;
              return;
            }
            if (in.node.kind != ConfigNode::Kind::kList || in.node.items.empty()) {
              return in.FailExpected(allowed);
            }
            for (const ConfigNode& item : in.node.items) {
              const FieldInput game{item, in.path, in.context};
              if (!item.IsScalar() || !GameNumber(item.text)) {
                game.Fail(fmt::format("no game is {}; {}", item.Describe(),
                                      Suggest(item.IsScalar() ? item.text : "", kNames)));
              } else if (std::find(games.begin(), games.end(), item.text) != games.end()) {
                game.Fail(fmt::format("'{}' is given twice", item.text));
              } else {
                games.push_back(item.text);
              }
            }
            if (!games.empty()) out.*member = std::move(games);
          },
          [=](const SeveralGamesSettings& in) {
            return (in.*member).empty() ? none : PrintNames(in.*member);
          },
          {},
          {}};
}

}  // namespace

FieldList<EnvironmentSettings> SeveralGamesFields() {
  using S = SeveralGamesSettings;
  FieldList<EnvironmentSettings> fields;
  AppendFields(
      fields, "options", &EnvironmentSettings::several,
      {GamesField("games", &S::games, "",
                  "The games that are played, one an episode (docs/offline.md)."),
       GamesField("evaluate", &S::evaluate, "all", "Of these the games that evaluation plays."),
       AutoField<S>("channels", &S::channels, {1, 64},
                    "Planes of the observation, those that a game has not being 0: what networks "
                    "of other games need, so that their layers fit; auto: the most that one of "
                    "its games has.")});
  for (auto& field : fields) {
    field = OnlyWith<EnvironmentSettings>(
        std::move(field), "env.id: minatar/several",
        [](const EnvironmentSettings& env) { return PlaysSeveralGames(env.id); });
  }
  return fields;
}

}  // namespace stillhouse
