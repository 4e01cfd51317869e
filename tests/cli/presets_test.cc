// Every file of configs/ must be a job that would start: a preset that does not is found here and
// not by the first who tries it.
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/env/environment_factory.h"
#include "cli/plan.h"
#include "common/config/config_load.h"
#include "common/model/network_spec.h"

namespace stillhouse::cli {
namespace {

using ::testing::Contains;

const std::filesystem::path kConfigs = STILLHOUSE_SOURCE_DIR "/configs";

std::vector<std::string> Presets(const std::filesystem::path& folder = kConfigs) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string PathOf(const std::string& preset) { return (kConfigs / (preset + ".yaml")).string(); }

class PresetTest : public ::testing::TestWithParam<std::string> {};

TEST_P(PresetTest, PassesPlanOnOneRankAndOnSix) {
  for (const std::int32_t ranks : {1, 6}) {
    PlanOptions options;
    options.config_path = PathOf(GetParam());
    options.ranks = ranks;
    options.cores = 2;
    std::ostringstream out;
    EXPECT_EQ(RunPlan(options, out), 0);
    EXPECT_EQ(LoadConfigText(out.str(), "plan"), LoadConfig(options.config_path));
  }
}

TEST_P(PresetTest, RunIsNamedAfterTheFileAndEndsByItself) {
  const RunConfig config = LoadConfig(PathOf(GetParam()));
  EXPECT_EQ(config.run.name, GetParam());  // two presets never share a run directory
  EXPECT_TRUE(config.stop.frames || config.stop.updates || config.stop.time);
}

TEST_P(PresetTest, StudentsAreSmallerThanTheirTeacher) {
  const RunConfig config = LoadConfig(PathOf(GetParam()));
  const EnvironmentSpec environment = actors::MakeEnvironment(config.env.id)->Spec();
  const auto parameters = [&](const auto& network) {
    return NetworkSpec::Create(network, environment.observation, environment.num_actions)
        .ParameterCount();
  };
  EXPECT_FALSE(config.students.empty());
  for (const auto& student : config.students) {
    EXPECT_LT(parameters(student.network), parameters(config.teacher.network)) << student.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Configs, PresetTest, ::testing::ValuesIn(Presets()),
                         [](const auto& preset) { return preset.param; });

TEST(PresetsTest, EveryEnvironmentHasOne) {
  std::vector<std::string> ids;
  for (const std::string& preset : Presets()) ids.push_back(LoadConfig(PathOf(preset)).env.id);
  // One with two views of a state, for the method that needs them.
  ids.push_back(LoadConfig(PathOf("methods/W9-views")).env.id);
  ids.push_back(LoadConfig(PathOf("methods/R7-actor_mimic")).env.id);  // and with several games
  for (const auto& environment : actors::BuiltInEnvironments()) {
    if (environment.id.starts_with("data/")) continue;  // theirs are under configs/methods
    EXPECT_THAT(ids, Contains(environment.id));
  }
}

}  // namespace
}  // namespace stillhouse::cli
