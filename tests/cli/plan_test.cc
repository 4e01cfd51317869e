#include "cli/plan.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/env/environment_factory.h"
#include "cli/plan_estimate.h"
#include "common/base/error.h"
#include "common/config/config_load.h"

namespace stillhouse::cli {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

const char* const kBreakout = STILLHOUSE_SOURCE_DIR "/configs/breakout.yaml";

std::string Plan(std::int32_t ranks, std::vector<std::string> overrides = {}) {
  std::ostringstream out;
  PlanOptions options;
  options.config_path = kBreakout;
  options.overrides = std::move(overrides);
  options.ranks = ranks;
  options.cores = 4;
  EXPECT_EQ(RunPlan(options, out), 0);
  return out.str();
}

std::string PlanError(std::int32_t ranks, std::vector<std::string> overrides) {
  try {
    Plan(ranks, std::move(overrides));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(PlanTest, OutputIsTheResolvedConfiguration) {
  EXPECT_EQ(LoadConfigText(Plan(4), "plan"), LoadConfig(kBreakout));
}

TEST(PlanTest, ShowsRolesOfEveryRank) {
  const std::string plan = Plan(6);
  EXPECT_THAT(plan, HasSubstr("coordinator, learner 0 (teacher)\n"));
  EXPECT_THAT(plan, HasSubstr("student host 0 (small)\n"));
  EXPECT_THAT(plan, HasSubstr("student host 1 (tiny)\n"));
  EXPECT_THAT(plan, HasSubstr("shard 1\n"));
  EXPECT_THAT(plan, HasSubstr("actor host 0 (1 worker)\n"));
}

TEST(PlanTest, ShowsTheHostOfEveryRank) {
  const std::string file = std::filesystem::temp_directory_path() / "stillhouse-plan-hosts";
  std::ofstream(file) << "one slots=2\na-rather-long-name slots=4\n";
  PlanOptions options;
  options.config_path = kBreakout;
  options.ranks = 6;
  options.hosts = file;
  std::ostringstream out;
  EXPECT_EQ(RunPlan(options, out), 0);
  EXPECT_THAT(out.str(), ContainsRegex("# 0     one                [0-9.]+ MB   coordinator"));
  EXPECT_THAT(out.str(), ContainsRegex("# 2     a-rather-long-name [0-9.]+ MB   student host 1"));
  EXPECT_THAT(out.str(), Not(HasSubstr("localhost")));
  std::filesystem::remove(file);
}

TEST(PlanTest, ShowsParametersAndMacsOfEveryModel) {
  const std::string plan = Plan(1);
  // conv 16*(4*9+1) + linear 128*(1024+1) + dueling head 129*7 for 6 actions.
  EXPECT_THAT(plan, HasSubstr("132695"));
  // 64 places * 16 filters * 36 + 1024 * 128 + 128 * 7.
  EXPECT_THAT(plan, HasSubstr("168832"));
  EXPECT_THAT(plan, HasSubstr("25.3 %"));
  EXPECT_THAT(plan, HasSubstr("6.5 %"));
}

TEST(PlanTest, NeverShowsTheToken) {
  const std::string plan = Plan(1, {"run.token=verysecret"});
  EXPECT_THAT(plan, Not(HasSubstr("verysecret")));
  EXPECT_THAT(plan, HasSubstr("run.token is set"));
}

TEST(PlanTest, RefusesWhatWouldNotStart) {
  EXPECT_THAT(PlanError(2, {"actors.hosts=3"}), HasSubstr("actors.hosts: 3 hosts need 3 ranks"));
  EXPECT_THAT(PlanError(2, {"env.id=minatar/brekout"}), HasSubstr("did you mean"));
  EXPECT_THAT(PlanError(2, {"env.id=classic/cart_pole", "env.options=~"}),
              HasSubstr("teacher.network: layer 0 (conv16k3)"));
  PlanOptions options;
  options.config_path = kBreakout;
  options.hosts = "hosts.txt";
  std::ostringstream out;
  EXPECT_THROW(RunPlan(options, out), ConfigError);
}

TEST(PlanEstimateTest, RatesFollowSamplesPerInsertAndBatchSize) {
  const RunConfig config = LoadConfig(kBreakout);
  const EnvironmentSpec environment = actors::MakeEnvironment(config.env.id)->Spec();
  const RoleLayout layout = MakeRoleLayout(config, 1, 4);
  std::vector<PlannedModel> models;
  models.push_back({"teacher", NetworkSpec::Create(config.teacher.network, environment.observation,
                                                   environment.num_actions)});
  for (const auto& student : config.students) {
    models.push_back({student.name, NetworkSpec::Create(student.network, environment.observation,
                                                        environment.num_actions)});
  }
  const PlanFacts facts{config, environment, layout, models};
  const PlanRates rates = EstimateRates(facts);
  EXPECT_DOUBLE_EQ(rates.samples_per_s, rates.updates_per_s * 32);
  EXPECT_DOUBLE_EQ(rates.frames_per_s, rates.updates_per_s * 4);  // 32 / 8
  // An observation is 400 bits = 50 B; a sampled transition is two of them and 28 B.
  for (const PlanLink& link : EstimateLinks(facts, rates)) {
    if (link.name == "samples: shards -> learner") {
      EXPECT_DOUBLE_EQ(link.bytes_per_s, rates.samples_per_s * 128);
    }
  }
}

}  // namespace
}  // namespace stillhouse::cli
