#include "common/config/graph_check.h"

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
using ::testing::HasSubstr;

std::string ErrorsOf(const std::string& text) {
  try {
    LoadConfigText("env: {id: classic/cart_pole}\n" + text, "c.yaml");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(GraphCheckTest, UnknownModelIsNamedWithASuggestionAndItsLine) {
  EXPECT_THAT(ErrorsOf("students:\n"
                       "  medium: {}\n"
                       "  tiny:\n"
                       "    from:\n"
                       "      - teacher\n"
                       "      - medum\n"),
              HasSubstr("c.yaml:7: students.tiny.from[1]: unknown model 'medum'; did you mean "
                        "'medium'?"));
  EXPECT_THAT(ErrorsOf("students: {tiny: {from: [teecher]}}"),
              HasSubstr("did you mean 'teacher'?"));
}

TEST(GraphCheckTest, AModelIsNoSourceOfItsOwnAndNoneTwice) {
  EXPECT_THAT(ErrorsOf("students: {a: {from: [a]}}"), HasSubstr("cannot label for itself"));
  EXPECT_THAT(ErrorsOf("students: {a: {from: [teacher, teacher]}}"), HasSubstr("given twice"));
}

TEST(GraphCheckTest, ACircleWithoutALabelSourceIsRefusedWithItsWay) {
  const std::string errors = ErrorsOf(
      "students:\n"
      "  a: {from: [b]}\n"
      "  b: {from: [c]}\n"
      "  c: {from: [a]}\n");
  EXPECT_THAT(errors, AllOf(HasSubstr("c.yaml:3: students.a.from: a <- b <- c <- a: nobody"),
                            HasSubstr("c.yaml:4: students.b.from: b <- c <- a <- b: nobody")));
}

TEST(GraphCheckTest, AModelWithoutAnySourceIsRefused) {
  EXPECT_THAT(ErrorsOf("students: {a: {from: []}}"), HasSubstr("learns from nothing"));
}

TEST(GraphCheckTest, ACircleThatLearnsFromTheTruthIsNone) {
  const std::string data = "env: {id: data/digits}\nteacher: {algorithm: {kind: supervised}}\n";
  const auto pair = [&](const std::string& label) {
    return data + "students:\n  a: {from: [b], loss: {hard_weight: 1, label: " + label +
           "}, rounds: 10}\n  b: {from: [a], rounds: 10}\n";
  };
  const RunConfig config = LoadConfigText(pair("truth"), "c.yaml");
  EXPECT_THAT(ModelGraph::Of(config).Draw(), HasSubstr("a     <- b + truth"));
  EXPECT_EQ(LoadConfigText(PrintConfig(config), "printed"), config);
  EXPECT_THROW(LoadConfigText(pair("teacher"), "c.yaml"), ConfigError);
}

TEST(GraphCheckTest, TurnsNeedSomebodyOfTheSameHost) {
  EXPECT_THAT(ErrorsOf("students: {a: {rounds: 5}, b: {rounds: 5}}"),
              AllOf(HasSubstr("c.yaml:2: students.a.rounds: nobody to take turns with"),
                    HasSubstr("students.b.rounds")));
  EXPECT_EQ(ErrorsOf("students: {a: {rounds: 5}, b: {from: [a], rounds: 9}}"), "");
  EXPECT_THAT(ErrorsOf("students: {a: {rounds: 5}, b: {from: [a], rounds: 9, when: after}}"),
              HasSubstr("students.b.when: those who take turns learn at the same time"));
}

TEST(GraphCheckTest, ShuffledLabelsAreOnlyTheTeachers) {
  EXPECT_EQ(ErrorsOf("students: {a: {data: {shuffle_labels: true}}}"), "");
  EXPECT_THAT(ErrorsOf("students: {a: {}, b: {from: [a], data: {shuffle_labels: true}}}"),
              HasSubstr("students.b.data.shuffle_labels: only for a student of the teacher alone"));
}

TEST(GraphCheckTest, ABadWeightIsRefused) {
  EXPECT_THAT(ErrorsOf("students: {a: {from: [{teacher: 0}]}}"), HasSubstr("above 0"));
  EXPECT_THAT(ErrorsOf("students: {a: {from: [[teacher]]}}"), HasSubstr("found a list"));
}

TEST(GraphCheckTest, ARampOfLambdaNeedsItsLength) {
  EXPECT_THAT(ErrorsOf("students: {a: {rewards: {lambda: {from: 1, to: 0}}}}"),
              HasSubstr("students.a.rewards.lambda: a ramp needs its length"));
  EXPECT_THAT(ErrorsOf("students: {a: {rewards: {lamda: 1}}}"), HasSubstr("did you mean 'lambda'"));
}

TEST(GraphCheckTest, KeysOfTheTeachersLabelsNeedTheTeacher) {
  EXPECT_THAT(ErrorsOf("students: {a: {}, b: {from: [a], label_source: average}}"),
              HasSubstr("students.b.label_source: has no meaning here"));
}

TEST(GraphCheckTest, ACopyOfTheTeacherIsOfThePresentOneAndNotOlderThanLabelsMayBe) {
  const std::string teacher = "teacher: {publish_every: 100}\n";
  EXPECT_EQ(ErrorsOf(teacher + "students: {a: {labels: local}, b: {label_source: lagged, "
                               "max_label_age: 100, on_stale: relabel}}"),
            "");
  EXPECT_THAT(ErrorsOf("students: {a: {labels: local, label_source: average}}"),
              HasSubstr("students.a.label_source: with labels: local it must be current"));
  EXPECT_THAT(ErrorsOf(teacher + "students: {a: {max_label_age: 99, on_stale: relabel}}"),
              HasSubstr("students.a.max_label_age: 99 is below teacher.publish_every 100"));
  EXPECT_EQ(ErrorsOf(teacher + "students: {a: {max_label_age: 99}}"), "");
  EXPECT_THAT(ErrorsOf("students: {a: {on_stale: relabel}}"), HasSubstr("students.a.on_stale"));
  EXPECT_THAT(ErrorsOf("students: {a: {}, b: {from: [a], labels: local}}"),
              HasSubstr("students.b.labels: has no meaning here"));
}

TEST(GraphCheckTest, TheModelThatActsIsOneOfTheRuns) {
  EXPECT_EQ(ErrorsOf("actors: {policy: small}\nstudents: {small: {}}"), "");
  EXPECT_THAT(ErrorsOf("actors: {policy: smal}\nstudents: {small: {}}"),
              HasSubstr("c.yaml:2: actors.policy: unknown model 'smal'; did you mean 'small'?"));
}

TEST(GraphCheckTest, AGuestIsAnotherModelOfTheRunAndPlaysSometimes) {
  const std::string students = "\nstudents: {small: {}}";
  const std::string share = "share: {from: 0, to: 0.8, frames: 40000}";
  EXPECT_EQ(ErrorsOf("actors: {mix: {model: small, " + share + "}}" + students), "");
  EXPECT_THAT(ErrorsOf("actors: {mix: {model: smal, share: 1}}" + students),
              HasSubstr("actors.mix.model: unknown model 'smal'; did you mean 'small'?"));
  EXPECT_THAT(ErrorsOf("actors: {mix: {model: teacher, share: 1}}" + students),
              HasSubstr("actors.mix.model: actors.policy is 'teacher' too"));
  EXPECT_THAT(ErrorsOf("actors: {mix: {model: small}}" + students),
              HasSubstr("actors.mix.share: its share is 0: it would never play"));
  EXPECT_THAT(ErrorsOf("actors: {mix: {share: 0.5}}" + students), HasSubstr("actors.mix.share"));
  EXPECT_THAT(
      ErrorsOf("actors: {mix: {model: small, share: {from: 0, to: 1, updates: 5}}}" + students),
      HasSubstr("frames is missing; expected {from, to, frames}"));
}

TEST(GraphCheckTest, TeachersNeedTheOneThatPlays) {
  EXPECT_THAT(ErrorsOf("teachers: {a: {}, b: {}}"),
              HasSubstr("the one named teacher, which plays"));
  EXPECT_THAT(ErrorsOf("teachers: {teacher: {}}\nteacher: {batch_size: 16}"),
              HasSubstr("teachers.teacher is given too"));
  EXPECT_EQ(ErrorsOf("teachers: {second: {}}\nteacher: {batch_size: 16}"), "");
  EXPECT_THAT(ErrorsOf("teachers: {teacher: {}, b: {batch_size: 16}}"),
              HasSubstr("c.yaml:2: teachers.b.batch_size: only teachers.teacher has it"));
  EXPECT_THAT(ErrorsOf("teachers: {teacher: {}, b: {}}\nstudents: {b: {}}"),
              HasSubstr("a name is one model's"));
}

}  // namespace
}  // namespace stillhouse
