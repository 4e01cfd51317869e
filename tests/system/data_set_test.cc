// A data set as an environment, in deterministic mode: labels in, accuracy out.

#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using testing_support::RunningJob;

const std::string kDigits = STILLHOUSE_SOURCE_DIR "/configs/methods/E1-digits.yaml";

/// The images as they are and small networks: some seconds.
std::vector<std::string> Quick(const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {
      kDigits, "--quiet",
      "--set", "run.deterministic=true",
      "--set", "env.options.resize=0",
      "--set", "teacher.network.layers=[flatten, {linear: 64}, relu, q_head]",
      "--set", "students.quarter.network.layers=[flatten, {linear: 12}, relu, q_head]",
      "--set", "students.tenth.network.layers=[flatten, {linear: 6}, relu, q_head]",
      "--set", "students.hard.network.layers=[flatten, {linear: 12}, relu, q_head]",
      "--set", "evaluation.every=1000 updates",
      "--set", "stop.updates=2500"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST(DataSetTest, ASupervisedTeacherAndItsStudentsTellTheHeldOutDigits) {
  RunningJob job(0, Quick());
  ASSERT_EQ(job.Wait(120s), 0) << job.Output();
  const auto board = job.Json("scoreboard.json");
  const auto& models = board["models"];
  EXPECT_NEAR(board["random_return"].get<double>(), 0.1, 0.04);
  EXPECT_EQ(models["teacher"]["episodes"], 359);
  EXPECT_GT(models["teacher"]["return_mean"].get<double>(), 0.93);
  EXPECT_GT(models["quarter"]["return_mean"].get<double>(), 0.85);
  // Every held-out digit once: the mean is a whole number of them.
  const double right = 359 * models["teacher"]["return_mean"].get<double>();
  EXPECT_NEAR(right, std::round(right), 1e-3);
}

TEST(DataSetTest, AClassThatAStudentNeverMeetsIsLearntFromSoftTargetsAlone) {
  // The same student with and without a soft loss; evaluated on threes alone.
  RunningJob job(0, Quick({"--set", "env.options.only=3", "--set", "evaluation.final_episodes=36",
                           "--set", "evaluation.episodes=36", "--set",
                           "students.tenth.network.layers=[flatten, {linear: 12}, relu, q_head]",
                           "--set", "students.quarter.optimizer.learning_rate=0.001", "--set",
                           "students.quarter.data.omit=3", "--set", "students.tenth.data.omit=3",
                           "--set", "students.quarter.loss.temperature=8", "--set",
                           "students.tenth.loss={kind: nll}"}));
  ASSERT_EQ(job.Wait(120s), 0) << job.Output();
  const auto models = job.Json("scoreboard.json")["models"];
  EXPECT_GT(models["teacher"]["return_mean"].get<double>(), 0.8);
  EXPECT_GT(models["quarter"]["return_mean"].get<double>(), 0.3);
  EXPECT_LT(models["tenth"]["return_mean"].get<double>(), 0.1);
}

}  // namespace
}  // namespace stillhouse
