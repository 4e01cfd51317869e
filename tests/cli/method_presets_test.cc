// What scripts/methods.sh runs are jobs that would start. Paths of data sets are relative to the
// root of the sources, where they are run.
#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli/plan.h"
#include "common/config/config_load.h"

namespace stillhouse::cli {
namespace {

const std::filesystem::path kMethods = STILLHOUSE_SOURCE_DIR "/configs/methods";

std::vector<std::string> Methods() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kMethods)) {
    if (entry.path().extension() == ".yaml") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

class MethodPresetTest : public ::testing::TestWithParam<std::string> {
 protected:
  MethodPresetTest() : before_(std::filesystem::current_path()) {
    std::filesystem::current_path(STILLHOUSE_SOURCE_DIR);
  }
  ~MethodPresetTest() override { std::filesystem::current_path(before_); }

 private:
  const std::filesystem::path before_;
};

TEST_P(MethodPresetTest, PassesPlanAndIsNamedAfterItsFile) {
  PlanOptions options;
  options.config_path = (kMethods / (GetParam() + ".yaml")).string();
  options.ranks = 1;
  options.cores = 2;
  std::ostringstream out;
  EXPECT_EQ(RunPlan(options, out), 0);
  const RunConfig config = LoadConfig(options.config_path);
  EXPECT_EQ(LoadConfigText(out.str(), "plan"), config);
  EXPECT_EQ(config.run.name, GetParam());
  EXPECT_TRUE(config.stop.frames || config.stop.updates || config.stop.time);
}

INSTANTIATE_TEST_SUITE_P(Methods, MethodPresetTest, ::testing::ValuesIn(Methods()),
                         [](const auto& method) {
                           std::string name = method.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace stillhouse::cli
