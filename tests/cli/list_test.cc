#include "cli/list.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/config/config_load.h"

namespace stillhouse::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

nlohmann::json List(const std::string& what) {
  std::ostringstream out;
  EXPECT_EQ(RunList(what, true, out), 0);
  return nlohmann::json::parse(out.str());
}

std::vector<std::string> Names(const nlohmann::json& array) {
  std::vector<std::string> names;
  for (const auto& item : array) names.push_back(item.at("name"));
  return names;
}

std::vector<std::string> OptionsOf(const nlohmann::json& array, const std::string& name) {
  for (const auto& item : array) {
    if (item.at("name") == name) return Names(item.at("options"));
  }
  return {};
}

TEST(ListTest, EveryListedEnvironmentIsAccepted) {
  const auto envs = List("envs");
  EXPECT_EQ(envs.size(), 15U);
  for (const std::string& id : Names(envs)) {
    const RunConfig config =
        LoadConfigText("env: {id: " + id + "}", "c", {{}, EnvironmentChoices()});
    EXPECT_EQ(config.env.id, id);
  }
}

TEST(ListTest, ALossShowsTheOptionsThatApplyToIt) {
  const auto losses = List("losses");
  EXPECT_THAT(Names(losses), testing::ElementsAre("kl", "kl_reverse", "js", "cross_entropy", "dkd",
                                                  "mse", "mse_centered", "huber", "nll"));
  EXPECT_EQ(losses[0].at("description"), "KL(teacher, student)");
  EXPECT_EQ(losses[8].at("description"), "cross-entropy with the label.");
  EXPECT_THAT(OptionsOf(losses, "kl"), Contains("tau_squared"));
  EXPECT_THAT(OptionsOf(losses, "mse"), Not(Contains("temperature")));
  EXPECT_THAT(OptionsOf(losses, "mse"), Contains("weighted"));
  EXPECT_THAT(OptionsOf(losses, "kl"), Contains("hard_weight"));
  EXPECT_THAT(OptionsOf(losses, "kl"), Not(Contains("target_weight")));
  EXPECT_THAT(OptionsOf(losses, "dkd"), Contains("non_target_weight"));
}

TEST(ListTest, AlgorithmsIncludeOptimizersWithTheirOptions) {
  const auto algorithms = List("algorithms");
  EXPECT_THAT(Names(algorithms),
              testing::ElementsAre("dqn", "supervised", "frozen", "adam", "rmsprop"));
  EXPECT_THAT(OptionsOf(algorithms, "dqn"), Contains("huber_delta"));
  EXPECT_THAT(OptionsOf(algorithms, "rmsprop"), Contains("centered"));
  EXPECT_THAT(OptionsOf(algorithms, "adam"), Not(Contains("centered")));
}

TEST(ListTest, NetworksListEveryLayer) {
  const auto layers = List("networks");
  EXPECT_THAT(Names(layers), Contains("conv2d"));
  EXPECT_THAT(OptionsOf(layers, "conv2d"),
              testing::ElementsAre("filters", "kernel", "stride", "padding", "bias"));
}

TEST(ListTest, PrintsForPeopleAndRefusesOtherWords) {
  std::ostringstream out;
  RunList("envs", false, out);
  EXPECT_THAT(out.str(), HasSubstr("sticky_action_prob"));
  EXPECT_THROW(RunList("env", false, out), ConfigError);
}

}  // namespace
}  // namespace stillhouse::cli
