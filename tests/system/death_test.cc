// A process of a running job is killed: who can be done without is, the others end in order.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using testing_support::ChildrenOf;
using testing_support::DescendantsOf;
using testing_support::RunningJob;
using Clock = std::chrono::steady_clock;

const std::string kSmoke = STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml";

std::vector<std::string> LongRun(const std::string& seconds, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments{kSmoke,
                                     "--set",
                                     "stop.frames=none",
                                     "--set",
                                     "stop.time=" + seconds,
                                     "--set",
                                     "evaluation.final_episodes=4"};
  for (auto& setting : more) {
    arguments.emplace_back("--set");
    arguments.push_back(std::move(setting));
  }
  return arguments;
}

pid_t PidOf(const json& line, const std::string& role, std::size_t index = 0) {
  std::vector<pid_t> pids;
  for (const auto& rank : line["ranks"]) {
    if (rank["role"].get<std::string>().find(role) != std::string::npos) {
      pids.push_back(rank["pid"].get<pid_t>());
    }
  }
  return pids.at(index);
}

/// A job of six ranks or more whose launcher lets survivors live, or not.
class DeathTest : public ::testing::Test {
 protected:
  static void Recovery(bool on) {
    if (on) {
      setenv("STILLHOUSE_TEST_MPIRUN", "--enable-recovery", 1);
    } else {
      unsetenv("STILLHOUSE_TEST_MPIRUN");
    }
  }
  ~DeathTest() override { Recovery(false); }

  static std::optional<json> Trained(const RunningJob& job, std::size_t ranks) {
    return job.WaitForProgress(60s, [ranks](const json& line) {
      return line["updates"] > 500 && line["ranks"].size() == ranks && line["actors_alive"] > 0;
    });
  }
  /// kill -9; seconds until progress.log or the output says so.
  static double Kill(const RunningJob& job, pid_t pid, const std::string& said) {
    EXPECT_EQ(::kill(pid, SIGKILL), 0);
    const auto killed = Clock::now();
    while (Clock::now() - killed < 20s) {
      if (job.Output().find(said) != std::string::npos) break;
      std::this_thread::sleep_for(5ms);
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - killed).count();
    std::printf("%s: seen after %.3f s\n", said.c_str(), seconds);
    EXPECT_LE(seconds, 2.0);
    return seconds;
  }
  /// Everything of the job is gone, workers too.
  static void ExpectNobodyLeft(const std::vector<pid_t>& everyone) {
    const auto deadline = Clock::now() + 10s;
    const auto alive = [](pid_t pid) { return ::kill(pid, 0) == 0; };
    while (Clock::now() < deadline && std::any_of(everyone.begin(), everyone.end(), alive)) {
      std::this_thread::sleep_for(50ms);
    }
    for (const auto pid : everyone) EXPECT_FALSE(alive(pid)) << pid;
  }
};

TEST_F(DeathTest, TrainingGoesOnWithTheOtherShardAndSaysWhatWasLost) {
  Recovery(true);
  RunningJob job(6, LongRun("14s", {"checkpoint.every=2s"}));
  const auto line = Trained(job, 6);
  ASSERT_TRUE(line) << job.Output();
  const auto everyone = DescendantsOf(job.Pid());
  Kill(job, PidOf(*line, "shard", 1), "(shard 1,");
  const auto updates = line->at("updates").get<std::uint64_t>();
  const auto after = job.WaitForProgress(20s, [&](const json& now) {
    return now["updates"] > updates + 500 && now["ranks"].size() == 5 && now["actors_alive"] == 1;
  });
  ASSERT_TRUE(after) << job.Output();
  ASSERT_TRUE(job.Wait(60s)) << job.Output();
  const auto status = job.Json("status.json");
  EXPECT_EQ(status["status"], "done") << job.Output();
  EXPECT_NE(status["reason"].get<std::string>().find("transitions are out of reach"),
            std::string::npos);
  EXPECT_NE(job.Text("progress.log").find("training goes on with 1 of 2 shards"),
            std::string::npos);
  EXPECT_EQ(job.Json("scoreboard.json")["phase"], "final");
  ExpectNobodyLeft(everyone);
}

TEST_F(DeathTest, ADeadStudentHostCostsTheTeacherNothingAndIsNamed) {
  Recovery(true);
  RunningJob job(6, LongRun("12s"));
  const auto line = Trained(job, 6);
  ASSERT_TRUE(line) << job.Output();
  const auto everyone = DescendantsOf(job.Pid());
  Kill(job, PidOf(*line, "student_host", 0), "(student_host 0,");
  const double from = line->at("elapsed_s").get<double>();
  const auto later =
      job.WaitForProgress(20s, [&](const json& now) { return now["elapsed_s"] > from + 4; });
  ASSERT_TRUE(later) << job.Output();
  // One-second windows on a busy machine, the first of them in a burst: it goes on, that is all.
  EXPECT_GT(later->at("updates_per_s").get<double>(),
            0.3 * line->at("updates_per_s").get<double>());
  EXPECT_GT(later->at("students").at("tiny")["updates_per_s"].get<double>(), 0);
  ASSERT_TRUE(job.Wait(60s)) << job.Output();
  const auto status = job.Json("status.json");
  EXPECT_EQ(status["status"], "done") << job.Output();
  EXPECT_NE(status["reason"].get<std::string>().find("student small died"), std::string::npos);
  ExpectNobodyLeft(everyone);
}

TEST_F(DeathTest, ADeadActorHostTakesItsWorkersWithItAndTheOthersGoOn) {
  Recovery(true);
  RunningJob job(7, LongRun("16s", {"actors.workers=2", "actors.hosts=2"}));
  const auto line = job.WaitForProgress(60s, [](const json& now) {
    return now["updates"] > 500 && now["ranks"].size() == 7 && now["actors_alive"] == 2;
  });
  ASSERT_TRUE(line) << job.Output();
  const auto everyone = DescendantsOf(job.Pid());
  Kill(job, PidOf(*line, "actor_host", 1), "(actor_host 1,");
  const auto frames = line->at("frames").get<std::uint64_t>();
  const auto after = job.WaitForProgress(20s, [&](const json& now) {
    return now["actors_alive"] == 1 && now["frames"] > frames + 2000;
  });
  ASSERT_TRUE(after) << job.Output();
  ASSERT_TRUE(job.Wait(60s)) << job.Output();
  EXPECT_EQ(job.Json("status.json")["status"], "done") << job.Output();
  ExpectNobodyLeft(everyone);
}

bool HasWholeCheckpoint(const RunningJob& job) {
  std::error_code error;
  const std::filesystem::directory_iterator entries(job.Directory() / "run" / "checkpoints", error);
  return std::any_of(begin(entries), end(entries), [](const auto& entry) {
    return entry.path().filename().string().find('.') == std::string::npos &&
           std::filesystem::exists(entry.path() / "MANIFEST.json");
  });
}

TEST_F(DeathTest, WithoutTheLearnerTheJobEndsAndCanBeResumed) {
  Recovery(true);
  RunningJob job(6, LongRun("100s", {"checkpoint.every=1s"}));
  const auto line = Trained(job, 6);
  ASSERT_TRUE(line) << job.Output();
  ASSERT_TRUE(job.WaitForProgress(
      30s, [&](const json& now) { return now["elapsed_s"] > 4 && HasWholeCheckpoint(job); }));
  const auto everyone = DescendantsOf(job.Pid());
  const auto killed = Clock::now();
  Kill(job, PidOf(*line, "learner"), "rank 0 has died");  // it lives there
  ASSERT_TRUE(job.Wait(40s)) << job.Output();
  std::printf("the job was over after %.1f s\n",
              std::chrono::duration<double>(Clock::now() - killed).count());
  EXPECT_EQ(job.Json("status.json")["status"], "failed") << job.Output();
  EXPECT_NE(job.Text("status.json").find("resumed"), std::string::npos);
  ExpectNobodyLeft(everyone);
  auto again = LongRun("100s", {"checkpoint.every=1s"});
  again.insert(again.end(), {"--resume", "auto"});
  job.Restart(6, again);
  const auto resumed = job.WaitForProgress(
      40s, [](const json& now) { return now.contains("resumed_from_updates"); });
  ASSERT_TRUE(resumed) << job.Output();
  EXPECT_GT((*resumed)["resumed_from_updates"], 0);
  EXPECT_TRUE(job.WaitForProgress(40s, [&](const json& now) {
    return now["attempt"] == 2 && now["updates"] > (*resumed)["updates"];
  })) << job.Output();
  job.Signal(SIGUSR1);
  EXPECT_TRUE(job.Wait(40s)) << job.Output();
}

// MPI_Init and collective calls wait for the dead for ever. So does mpirun at times, when the
// victim was about to connect to it; then nothing that the others said comes through it.
TEST_F(DeathTest, ADeathBeforeTheJobHasBegunEndsIt) {
  Recovery(true);
  for (const std::size_t victim : {0U, 3U}) {
    RunningJob job(6, LongRun("100s"));
    std::vector<pid_t> everyone;
    const auto deadline = Clock::now() + 20s;
    while (everyone.size() < 6 && Clock::now() < deadline) everyone = DescendantsOf(job.Pid());
    ASSERT_EQ(everyone.size(), 6U) << job.Output();
    ASSERT_EQ(::kill(everyone[victim], SIGKILL), 0);
    ASSERT_TRUE(job.Wait(25s)) << job.Output();
    EXPECT_THAT(job.Output(),
                AnyOf(HasSubstr("a rank on this host has died before the job had begun"),
                      HasSubstr("mpirun stands still although all its processes are over"),
                      HasSubstr("failed during shared memory initialization")));
    ExpectNobodyLeft(everyone);
  }
}

TEST_F(DeathTest, WhenRankZeroDiesAnotherRankSaysSo) {
  Recovery(true);
  RunningJob job(6, LongRun("100s"));
  const auto line = Trained(job, 6);
  ASSERT_TRUE(line) << job.Output();
  const auto everyone = DescendantsOf(job.Pid());
  Kill(job, PidOf(*line, "coordinator"), "rank 0 has died");
  ASSERT_TRUE(job.Wait(20s)) << job.Output();
  EXPECT_EQ(job.Json("status.json")["status"], "failed") << job.Output();
  EXPECT_NE(job.Text("status.json").find("rank 0 has died"), std::string::npos);
  ExpectNobodyLeft(everyone);
}

TEST_F(DeathTest, WithoutRecoveryADeathEndsTheJobAndTheStatusSaysWhose) {
  Recovery(false);
  RunningJob job(6, LongRun("100s"));
  const auto line = Trained(job, 6);
  ASSERT_TRUE(line) << job.Output();
  const auto everyone = DescendantsOf(job.Pid());
  Kill(job, PidOf(*line, "shard", 1), "(shard 1,");
  const auto status = job.Wait(20s);
  ASSERT_TRUE(status) << job.Output();
  EXPECT_NE(*status, 0);
  EXPECT_EQ(job.Json("status.json")["status"], "failed") << job.Output();
  EXPECT_NE(job.Text("status.json").find("shard 1"), std::string::npos);
  ExpectNobodyLeft(everyone);
}

TEST_F(DeathTest, AWorkerThatGivesNoSignOfLifeIsStartedAgain) {
  RunningJob job(6, LongRun("100s", {"actors.hang_after=3s"}));
  const auto line = Trained(job, 6);
  ASSERT_TRUE(line) << job.Output();
  const auto host = PidOf(*line, "actor_host");
  const auto workers = ChildrenOf(host);
  ASSERT_EQ(workers.size(), 1U);
  ASSERT_EQ(::kill(workers[0], SIGSTOP), 0);
  const auto stopped = Clock::now();
  const auto after = job.WaitForProgress(20s, [&](const json& now) {
    return now["workers_restarted"] >= 1 && now["actors_alive"] == 1 &&
           now["elapsed_s"].get<double>() > line->at("elapsed_s").get<double>() + 3;
  });
  ASSERT_TRUE(after) << job.Output();
  std::printf("another worker plays %.1f s after the stop\n",
              std::chrono::duration<double>(Clock::now() - stopped).count());
  EXPECT_NE(ChildrenOf(host).at(0), workers[0]);
  EXPECT_NE(job.Text("progress.log").find("a worker gave no sign of life for 3 s"),
            std::string::npos);
  job.Signal(SIGUSR1);
  ASSERT_EQ(job.Wait(40s), 75) << job.Output();
}

TEST_F(DeathTest, AStoppedShardIsNamedByTheStallExplainerAndTheRunGoesOnWithIt) {
  Recovery(true);
  RunningJob job(6, LongRun("100s", {"monitor.stall_after=3s"}));
  const auto line = Trained(job, 6);
  ASSERT_TRUE(line) << job.Output();
  const auto shard = PidOf(*line, "shard", 1);
  ASSERT_EQ(::kill(shard, SIGSTOP), 0);
  const auto stopped = Clock::now();
  const auto said = [&](const std::string& text) {
    while (Clock::now() - stopped < 40s) {
      if (job.Text("progress.log").find(text) != std::string::npos) return true;
      std::this_thread::sleep_for(20ms);
    }
    return false;
  };
  EXPECT_TRUE(said("no progress for 3 s")) << job.Output();
  EXPECT_TRUE(said("(shard, ")) << job.Output();
  EXPECT_TRUE(said("the learner waits for sample replies of shard 1")) << job.Output();
  ASSERT_EQ(::kill(shard, SIGCONT), 0);
  EXPECT_TRUE(said("progress again")) << job.Output();
  job.Signal(SIGUSR1);
  ASSERT_TRUE(job.Wait(40s)) << job.Output();
  EXPECT_EQ(job.Json("status.json")["status"], "preempted");
}

TEST_F(DeathTest, AShardThatStaysStoppedIsGivenUp) {
  Recovery(true);
  RunningJob job(6, LongRun("22s", {"monitor.stall_after=600ms"}));
  const auto line = Trained(job, 6);
  ASSERT_TRUE(line) << job.Output();
  const auto everyone = DescendantsOf(job.Pid());
  ASSERT_EQ(::kill(PidOf(*line, "shard", 1), SIGSTOP), 0);
  ASSERT_TRUE(job.Wait(90s)) << job.Output();
  EXPECT_EQ(job.Json("status.json")["status"], "done") << job.Output();
  EXPECT_NE(job.Text("progress.log").find("training goes on with 1 of 2 shards"),
            std::string::npos);
  ExpectNobodyLeft(everyone);
}

}  // namespace
}  // namespace stillhouse
