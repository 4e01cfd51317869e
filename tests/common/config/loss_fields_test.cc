#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/config/config_check.h"
#include "common/config/config_load.h"

namespace stillhouse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

RunConfig Load(const std::string& loss, const std::string& environment = "classic/acrobot") {
  LoadOptions options;
  options.environments = {{"classic/acrobot", {}, 3}, {"classic/cart_pole", {}, 2}};
  return LoadConfigText("env: {id: " + environment + "}\nstudents:\n  s:\n    loss: " + loss,
                        "c.yaml", options);
}

std::string ErrorsOf(const std::string& loss, const std::string& environment = "classic/acrobot") {
  try {
    Load(loss, environment);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(LossFieldsTest, ANumberIsConstantAndAMapMoves) {
  const auto loss =
      Load("{temperature: {from: 4, to: 1, updates: 2e4}, hard_weight: 0.5}").students[0].loss;
  EXPECT_EQ(loss.temperature, Schedule(4, 1, 20000));
  EXPECT_EQ(loss.hard_weight, Schedule(0.5));
  EXPECT_EQ(loss.soft_weight, Schedule(1));
  EXPECT_DOUBLE_EQ(loss.temperature.At(5000), 3.25);
}

TEST(LossFieldsTest, AScheduleIsCheckedKeyByKey) {
  EXPECT_THAT(ErrorsOf("{temperature: {from: 4, too: 1, updates: 10}}"),
              HasSubstr("c.yaml:4: students.s.loss.temperature.too: unknown key; did you mean "
                        "'to'?"));
  EXPECT_THAT(ErrorsOf("{temperature: {from: 4, to: 0, updates: 10}}"),
              HasSubstr("students.s.loss.temperature.to: found '0'"));
  EXPECT_THAT(ErrorsOf("{temperature: {from: 4, to: 1}}"), HasSubstr("updates is missing"));
  EXPECT_THAT(ErrorsOf("{hard_weight: {from: 0, to: 1, updates: 0}}"),
              HasSubstr("hard_weight.updates: found '0'"));
  EXPECT_THAT(ErrorsOf("{hard_weight: [1, 2]}"), HasSubstr("found a list"));
}

TEST(LossFieldsTest, DkdNeedsThreeActionsAndSaysWhere) {
  EXPECT_EQ(ErrorsOf("{kind: dkd}"), "");
  EXPECT_EQ(ErrorsOf("{kind: dkd}", "classic/cart_pole"),
            "c.yaml:4: students.s.loss.kind: classic/cart_pole: dkd weighs the actions that are "
            "not the best against each other, and of 2 actions at most one is left; use kl");
  // Where the environment is known only later, by its own report.
  const RunConfig config =
      LoadConfigText("{env: {id: classic/cart_pole}, students: {s: {loss: {kind: dkd}}}}", "c");
  EnvironmentSpec cart_pole;
  cart_pole.observation = {ElementKind::kFloats, {4}};
  cart_pole.num_actions = 2;
  EXPECT_THAT(CheckNetworks(config, cart_pole),
              ElementsAre(HasSubstr("students.s.loss.kind: dkd")));
}

TEST(LossFieldsTest, ALossOfNothingIsRefused) {
  EXPECT_THAT(ErrorsOf("{soft_weight: 0}"),
              HasSubstr("c.yaml:4: students.s.loss.soft_weight: every"));
  EXPECT_THAT(ErrorsOf("{kind: dkd, target_weight: 0, non_target_weight: 0}"),
              HasSubstr("would learn nothing"));
  EXPECT_EQ(ErrorsOf("{soft_weight: 0, hard_weight: 1}"), "");
  EXPECT_EQ(ErrorsOf("{soft_weight: {from: 0, to: 1, updates: 5}}"), "");
}

TEST(LossFieldsTest, TheTruthIsRefusedWhereNobodySaysIt) {
  EXPECT_EQ(ErrorsOf("{hard_weight: 0.5, label: truth}"),
            "c.yaml:4: students.s.loss.label: nobody says what is right here; truth needs a data "
            "set and teacher.algorithm.kind: supervised");
  const auto digits = [](const std::string& student) {
    return LoadConfigText(
        "env: {id: data/digits}\nteacher: {algorithm: {kind: supervised}}\nstudents: {s: {" +
            student + "}}",
        "c.yaml");
  };
  EXPECT_EQ(digits("loss: {label: truth, hard_weight: 1}").students[0].loss.label, LabelBy::kTruth);
  EXPECT_NO_THROW(digits("from: [], loss: {kind: nll, label: truth}"));
  EXPECT_THROW(digits("from: [], loss: {kind: kl, hard_weight: 1, label: truth}"), ConfigError);
  EXPECT_THROW(digits("from: [], loss: {kind: nll}"), ConfigError);
}

TEST(LossFieldsTest, KeysOfOtherKindsHaveNoMeaning) {
  EXPECT_THAT(ErrorsOf("{kind: kl, target_weight: 2}"), HasSubstr("only with kind: dkd"));
  EXPECT_THAT(ErrorsOf("{kind: huber, temperature: 2}"), HasSubstr("has no meaning here"));
  EXPECT_THAT(ErrorsOf("{label: right}"), HasSubstr("allowed: teacher, truth"));
}

}  // namespace
}  // namespace stillhouse
