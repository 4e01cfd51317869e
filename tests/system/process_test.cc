// What the processes of a running job are like, and what happens when one of them fares badly.

#include <chrono>
#include <csignal>
#include <map>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing_support::ChildrenOf;
using testing_support::CpuSecondsOf;
using testing_support::Maps;
using testing_support::RssMibOf;
using testing_support::RunningJob;

const std::string kSmoke = STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml";

/// Arguments of a run that goes on until the test has seen enough.
std::vector<std::string> LongRun(const std::string& seconds) {
  return {kSmoke,
          "--set",
          "stop.frames=none",
          "--set",
          "stop.time=" + seconds,
          "--set",
          "evaluation.final_episodes=4"};
}

std::optional<json> Trained(const RunningJob& job) {
  return job.WaitForProgress(30s, [](const json& line) {
    return line["updates"] > 500 && line["ranks"].size() == 6 && line["actors_alive"] > 0;
  });
}

std::vector<pid_t> PidsOf(const json& line, const std::string& role) {
  std::vector<pid_t> pids;
  for (const auto& rank : line["ranks"]) {
    if (rank["role"].get<std::string>().find(role) != std::string::npos) {
      pids.push_back(rank["pid"].get<pid_t>());
    }
  }
  return pids;
}

TEST(ProcessTest, TorchIsMappedWhereModelsTrainAndNowhereElse) {
  RunningJob job(6, LongRun("100s"));
  const auto line = Trained(job);
  ASSERT_TRUE(line) << job.Output();
  for (const auto pid : PidsOf(*line, "learner")) EXPECT_TRUE(Maps(pid, "libtorch"));
  for (const auto pid : PidsOf(*line, "student_host")) EXPECT_TRUE(Maps(pid, "libtorch"));
  const auto shards = PidsOf(*line, "shard");
  ASSERT_EQ(shards.size(), 2U);
  for (const auto pid : shards) EXPECT_FALSE(Maps(pid, "libtorch"));
  const auto hosts = PidsOf(*line, "actor_host");
  ASSERT_EQ(hosts.size(), 1U);
  EXPECT_FALSE(Maps(hosts[0], "libtorch"));
  const auto workers = ChildrenOf(hosts[0]);
  ASSERT_EQ(workers.size(), 1U);
  EXPECT_FALSE(Maps(workers[0], "libtorch"));
  EXPECT_FALSE(Maps(workers[0], "libmpi"));
  EXPECT_LE(RssMibOf(workers[0]), 30.0);
  job.Signal(SIGUSR1);
  EXPECT_EQ(job.Wait(40s), 75) << job.Output();
}

TEST(ProcessTest, AKilledWorkerIsRestartedAndNothingElseHappens) {
  RunningJob job(6, LongRun("100s"));
  const auto line = Trained(job);
  ASSERT_TRUE(line) << job.Output();
  const auto host = PidsOf(*line, "actor_host").at(0);
  const auto workers = ChildrenOf(host);
  ASSERT_EQ(workers.size(), 1U);
  ASSERT_EQ(::kill(workers[0], SIGKILL), 0);
  const auto frames = (*line)["frames"].get<std::uint64_t>();
  const auto after = job.WaitForProgress(10s, [&](const json& now) {
    return now["workers_restarted"] >= 1 && now["actors_alive"] == 1 &&
           now["frames"] > frames + 2000;
  });
  ASSERT_TRUE(after) << job.Output();
  EXPECT_NE(ChildrenOf(host).at(0), workers[0]);
  job.Signal(SIGUSR1);
  ASSERT_EQ(job.Wait(40s), 75) << job.Output();
  EXPECT_EQ(job.Json("status.json")["status"], "preempted");
}

TEST(ProcessTest, AStoppedStudentHostCostsTheTeacherNothingAndIsShown) {
  RunningJob job(6, LongRun("16s"));
  const auto first = Trained(job);
  ASSERT_TRUE(first) << job.Output();
  const auto before = job.WaitForProgress(
      20s, [](const json& now) { return now["elapsed_s"] > 4 && now["updates"] > 500; });
  ASSERT_TRUE(before) << job.Output();
  const auto student = PidsOf(*before, "student_host").at(0);
  ASSERT_EQ(::kill(student, SIGSTOP), 0);
  // The window is 16 batches; the teacher makes thousands of updates meanwhile.
  const auto later = job.WaitForProgress(20s, [&](const json& now) {
    return now["elapsed_s"] > before->at("elapsed_s").get<double>() + 4;
  });
  ASSERT_TRUE(later) << job.Output();
  const auto rate = [](const json& from, const json& to) {
    return (to["updates"].get<double>() - from["updates"].get<double>()) /
           (to["elapsed_s"].get<double>() - from["elapsed_s"].get<double>());
  };
  // It gives its share of the cores back, so the teacher is, if anything, faster; the bound allows
  // for the noise of windows of a few seconds on a busy machine. A teacher that waits makes 16.
  EXPECT_GT(rate(*before, *later), 0.6 * rate(*first, *before)) << job.Output();
  const json& small = later->at("students").at("small");
  EXPECT_GT(small["dropped_batches"].get<double>(), 10 * 16);
  EXPECT_GT(small["lag_updates"].get<double>(), 10 * 16);
  EXPECT_EQ(later->at("students").at("tiny")["updates_per_s"].get<double>() > 0, true);
  EXPECT_NE(job.Text("progress.log").find("DROPS"), std::string::npos);
  // It stays stopped: the run ends all the same, and says who was missing.
  ASSERT_TRUE(job.Wait(60s)) << job.Output();
  EXPECT_EQ(job.Json("status.json")["status"], "done") << job.Output();
  EXPECT_NE(job.Text("status.json").find("small"), std::string::npos);
}

TEST(ProcessTest, RanksThatWaitSleep) {
  auto arguments = LongRun("100s");
  arguments.insert(arguments.end(), {"--set", "actors.workers=auto"});
  RunningJob job(8, arguments);
  const auto line = job.WaitForProgress(30s, [](const json& now) {
    return now["updates"] > 500 && now["ranks"].size() == 8 && now["actors_alive"] >= 2;
  });
  ASSERT_TRUE(line) << job.Output();
  // Without experience the limiter stops the learner, and with it everyone waits.
  for (const auto host : PidsOf(*line, "actor_host")) {
    for (const auto worker : ChildrenOf(host)) ASSERT_EQ(::kill(worker, SIGSTOP), 0);
  }
  std::this_thread::sleep_for(2s);  // until what was under way is used up
  std::map<pid_t, double> start;
  for (const auto& rank : (*line)["ranks"]) {
    const auto pid = rank["pid"].get<pid_t>();
    start[pid] = CpuSecondsOf(pid);
  }
  std::this_thread::sleep_for(4s);
  for (const auto& [pid, cpu] : start) {
    EXPECT_LE((CpuSecondsOf(pid) - cpu) / 4, 0.05) << "pid " << pid;
  }
}

}  // namespace
}  // namespace stillhouse
