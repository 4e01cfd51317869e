#include "common/config/contexts.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/config/config_load.h"
#include "common/config/config_print.h"
#include "common/config/model_graph.h"

namespace stillhouse {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kSeveral =
    "env: {id: minatar/several, options: {games: [breakout, freeway], channels: 8}}\n";
const std::string kExperts =
    "teachers:\n"
    "  teacher: {}\n"
    "  player: {algorithm: {kind: frozen}, init: runs/player}\n"
    "  walker: {algorithm: {kind: frozen}, init: \"runs/walker:small\"}\n";

std::string ErrorsOf(const std::string& text) {
  LoadOptions options;
  options.environments = {
      {"minatar/breakout", {"sticky_action_prob", "mask_actions"}},
      {"minatar/several", {"sticky_action_prob", "games", "evaluate", "channels"}}};
  try {
    LoadConfigText(text, "c.yaml", options);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(ContextsTest, AStudentOfTwoExpertsIsReadDrawnAndPrinted) {
  const RunConfig config = LoadConfigText(
      kSeveral + kExperts +
          "students:\n"
          "  mimic:\n"
          "    from: {player: {where: breakout}, walker: {weight: 3, where: freeway}}\n"
          "  listed: {from: [{player: {where: everywhere}}, walker], "
          "rewards: {where: freeway}}\n",
      "c.yaml");
  EXPECT_THAT(config.env.several.games, ElementsAre("breakout", "freeway"));
  EXPECT_EQ(config.env.several.channels, 8);
  ASSERT_EQ(config.students.size(), 4U);
  EXPECT_TRUE(config.students[0].frozen && config.students[0].from.empty());
  EXPECT_FALSE(config.students[0].rewards.has_value());
  EXPECT_EQ(config.students[1].init, "runs/walker:small");
  EXPECT_EQ(config.students[2].from[1], (SourceSettings{"walker", 3, "freeway"}));
  EXPECT_EQ(config.students[3].from[0], (SourceSettings{"player", 1, ""}));
  const std::string drawn = ModelGraph::Of(config).Draw();
  EXPECT_THAT(drawn, HasSubstr("player   <- nobody: frozen"));
  EXPECT_THAT(drawn, HasSubstr("mimic  <- 0.25 player where breakout + 0.75 walker where freeway"));
  EXPECT_THAT(drawn, HasSubstr("listed <- 0.5 player + 0.5 walker + rewards where freeway"));
  const std::string printed = PrintConfig(config);
  EXPECT_THAT(printed, HasSubstr("{walker: {weight: 3, where: freeway}}"));
  EXPECT_EQ(LoadConfigText(printed, "printed"), config);
}

TEST(ContextsTest, AnUnknownContextIsNamedWithThoseThatThereAre) {
  const auto student = [](const std::string& name) {
    return kSeveral + kExperts + "students: {mimic: {from: {player: {where: " + name + "}}}}\n";
  };
  EXPECT_EQ(ErrorsOf(student("freeway")), "");
  EXPECT_THAT(ErrorsOf(student("chess")),
              HasSubstr("c.yaml:6: students.mimic.from.player.where: unknown context 'chess'; "
                        "allowed: breakout, freeway"));
  EXPECT_THAT(ErrorsOf(student("asterix")), HasSubstr("unknown context 'asterix'"))
      << "a game that is not played";
  EXPECT_THAT(ErrorsOf(kSeveral + "students: {a: {from: [], rewards: {where: breakot}}}"),
              HasSubstr("students.a.rewards.where: unknown context 'breakot'; did you mean"));
  EXPECT_THAT(ErrorsOf(kSeveral + "students: {a: {from: {teacher: {were: breakout}}}}"),
              HasSubstr("students.a.from.teacher.were: unknown key; did you mean 'where'?"));
}

TEST(ContextsTest, WhereNeedsAnEnvironmentWithContexts) {
  EXPECT_THAT(ErrorsOf("env: {id: minatar/breakout}\n"
                       "students: {a: {from: {teacher: {where: breakout}}}}\n"),
              HasSubstr("c.yaml:2: students.a.from.teacher.where: minatar/breakout has one task "
                        "only, without contexts; minatar/several has"));
}

TEST(ContextsTest, WhatIsOfWholeBatchesIsRefusedBesideWhere) {
  const auto student = [](const std::string& more) {
    return ErrorsOf(kSeveral + "students: {a: {from: {teacher: {where: breakout}}, " + more + "}}");
  };
  EXPECT_EQ(student("when: along"), "");
  EXPECT_THAT(student("features: {kind: hint}"), HasSubstr("students.a.features.kind: is of all"));
  EXPECT_THAT(student("shared_layers: 1"), HasSubstr("students.a.shared_layers: is of all rows"));
  EXPECT_THAT(student("loss: {adversarial_weight: 1}"), HasSubstr("adversarial_weight: is of all"));
  EXPECT_THAT(student("data: {shuffle_labels: true}"), HasSubstr("data.shuffle_labels"));
}

TEST(ContextsTest, GamesAreDifferentOnesThatExist) {
  const auto games = [](const std::string& options) {
    return ErrorsOf("env: {id: minatar/several, options: {" + options + "}}");
  };
  EXPECT_EQ(games("games: [seaquest], evaluate: all"), "");
  EXPECT_THAT(games("games: [seaqest]"),
              HasSubstr("c.yaml:1: env.options.games: no game is 'seaqest'; did you mean"));
  EXPECT_THAT(games("games: [asterix, asterix]"), HasSubstr("'asterix' is given twice"));
  EXPECT_THAT(games("games: []"), HasSubstr("expected list of games"));
  EXPECT_THAT(games("games: breakout"), HasSubstr("expected list of games"));
  EXPECT_THAT(games("games: [breakout], evaluate: [freeway]"),
              HasSubstr("env.options.evaluate: 'freeway' is none of the games; allowed: breakout"));
  EXPECT_THAT(games("channels: 0"), HasSubstr("env.options.channels"));
  EXPECT_THAT(games("mask_actions: true"), HasSubstr("env.options.mask_actions"));
  EXPECT_THAT(ErrorsOf("env: {id: minatar/breakout, options: {games: [breakout]}}"),
              HasSubstr("env.options.games: minatar/breakout has no such option"));
}

TEST(FrozenTest, WhoOnlyLabelsHasLearntAndLearnsNothing) {
  const std::string env = "env: {id: minatar/breakout}\n";
  EXPECT_EQ(ErrorsOf(env + "students: {a: {frozen: true, init: runs/a}, b: {from: [a]}}"), "");
  EXPECT_THAT(ErrorsOf(env + "students: {a: {frozen: true}, b: {from: [a]}}"),
              HasSubstr("c.yaml:2: students.a.init: frozen needs a model that has learnt"));
  EXPECT_THAT(ErrorsOf(env + "teachers: {teacher: {}, a: {algorithm: {kind: frozen}}}"),
              HasSubstr("students.a.init: frozen needs a model that has learnt"));
  EXPECT_THAT(ErrorsOf(env + "students: {a: {frozen: true, init: r, from: [teacher], rewards: "
                             "true, rounds: 3}}"),
              AllOf(HasSubstr("students.a.from: a frozen model learns nothing"),
                    HasSubstr("students.a.rewards: a frozen model learns nothing"),
                    HasSubstr("students.a.rounds: a frozen model learns nothing")));
  EXPECT_THAT(ErrorsOf(env + "teacher: {algorithm: {kind: frozen}, init: r}\nstop: {updates: 9}\n"
                             "students: {a: {frozen: true, init: r}}"),
              HasSubstr("a frozen teacher without students: nobody learns"));
}

}  // namespace
}  // namespace stillhouse
