// Learning, in deterministic mode: the same role classes in one process, the same bytes each time.

#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using testing_support::RunningJob;

const std::string kCartPole = STILLHOUSE_SOURCE_DIR "/configs/cart_pole.yaml";

TEST(LearningTest, CartPoleIsSolvedAndTheStudentKeepsItOnFourOfFiveSeeds) {
  int solved = 0;
  std::string seen;
  for (int seed = 1; seed <= 5; ++seed) {
    RunningJob job(0,
                   {kCartPole, "--quiet", "--set", "run.deterministic=true", "--set",
                    "run.seed=" + std::to_string(seed), "--set", "evaluation.final_episodes=200"});
    ASSERT_EQ(job.Wait(120s), 0) << job.Output();
    const auto models = job.Json("scoreboard.json")["models"];
    const double teacher = models["teacher"]["return_mean"].get<double>();
    const double retention = models["small"]["retention"].get<double>();
    seen += "seed " + std::to_string(seed) + ": teacher " + std::to_string(teacher) +
            ", retention " + std::to_string(retention) + "\n";
    // 475 over the episodes: the solving bar of CartPole-v1.
    if (teacher >= 475 && retention >= 0.95) ++solved;
  }
  EXPECT_GE(solved, 4) << seen;
}

}  // namespace
}  // namespace stillhouse
