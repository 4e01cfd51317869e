// Ranks that were told what to play: several programs in one mpirun, each with its --role.

#include <chrono>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/support/command.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using testing_support::Command;
using testing_support::ScratchDirectory;
using testing_support::StillhouseProgram;

TEST(RolesTest, EveryProgramOfAnMpmdJobPlaysItsRole) {
  const ScratchDirectory scratch;
  const std::string run = (scratch.Path() / "run").string();
  const std::string program = StillhouseProgram();
  std::vector<std::string> command = {STILLHOUSE_SOURCE_DIR "/tests/support/mpirun.sh"};
  // The learner need not be on rank 0, where the coordinator is.
  for (const char* role : {"shard", "learner,student", "actor"}) {
    if (command.size() > 1) command.emplace_back(":");
    for (const std::string word :
         {"-n", "1", program.c_str(), "train", STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml",
          "--run-dir", run.c_str(), "--set", "stop.frames=3000", "--set",
          "evaluation.final_episodes=4", "--role", role}) {
      command.push_back(word);
    }
  }
  Command job(command);
  ASSERT_EQ(job.Wait(90s), 0) << job.Output();
  std::ifstream progress(scratch.Path() / "run/progress.jsonl");
  std::string line;
  std::string last;
  while (std::getline(progress, line)) last = line;
  const auto ranks = nlohmann::json::parse(last)["ranks"];
  ASSERT_EQ(ranks.size(), 3U);
  EXPECT_EQ(ranks[0]["role"], "coordinator+shard+shard");
  EXPECT_EQ(ranks[1]["role"], "learner+student_host");
  EXPECT_EQ(ranks[2]["role"], "actor_host");
}

}  // namespace
}  // namespace stillhouse
