// `stillhouse actor`: workers that join a running job from outside MPI and leave at will.

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/command.h"
#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::ChildrenOf;
using testing_support::Command;
using testing_support::Maps;
using testing_support::RunningJob;
using testing_support::ScratchDirectory;
using testing_support::Stillhouse;

const std::string kSmoke = STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml";

/// A run that goes on for so long, with one worker of its own and no evaluation between.
std::vector<std::string> LongRun(const std::string& seconds) {
  return {kSmoke,
          "--set",
          "stop.frames=none",
          "--set",
          "stop.time=" + seconds,
          "--set",
          "evaluation.every=1h",
          "--set",
          "evaluation.final_episodes=4",
          "--set",
          "monitor.log_every=200ms"};
}

std::string RunDirectoryOf(const RunningJob& job) { return (job.Directory() / "run").string(); }

std::uint64_t Frames(const RunningJob& job) {
  const auto lines = job.Progress();
  return lines.empty() ? 0 : lines.back()["frames"].get<std::uint64_t>();
}

/// Waits for a line written from now on.
std::optional<json> WaitForAlive(const RunningJob& job, int alive) {
  const std::size_t seen = job.Progress().size();
  const auto deadline = std::chrono::steady_clock::now() + 15s;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto lines = job.Progress();
    if (lines.size() > seen && lines.back()["actors_alive"] == alive) return lines.back();
    std::this_thread::sleep_for(20ms);
  }
  return std::nullopt;
}

bool Gone(pid_t pid) {
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  while (std::chrono::steady_clock::now() < deadline) {
    if (::kill(pid, 0) != 0) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

std::unique_ptr<Command> Join(const std::string& target, const std::string& workers,
                              const std::vector<std::string>& environment = {}) {
  return std::make_unique<Command>(
      Stillhouse({"actor", "--connect", target, "--workers", workers, "--envs", "2"}), environment);
}

std::string Addresses(const RunningJob& job) {
  std::string text;
  const json endpoints = job.Json("endpoints.json");
  for (const auto& shard : endpoints["shards"]) {
    text += (text.empty() ? "" : ",") + shard.get<std::string>();
  }
  return text;
}

TEST(ElasticActorTest, WorkersJoinAndLeaveARunningJobAnyNumberOfTimes) {
  RunningJob job(3, LongRun("25s"));
  ASSERT_TRUE(WaitForAlive(job, 1)) << job.Output();
  const std::string directory = RunDirectoryOf(job);

  for (int round = 0; round < 3; ++round) {
    // Leaves in order, on SIGTERM and on SIGINT.
    auto actor = Join(directory, "2");
    ASSERT_TRUE(WaitForAlive(job, 3)) << job.Output() << actor->Output();
    const auto frames = Frames(job);
    const auto workers = ChildrenOf(actor->Pid());
    ASSERT_EQ(workers.size(), 2U);
    EXPECT_FALSE(Maps(actor->Pid(), "libtorch"));
    for (const pid_t worker : workers) {
      EXPECT_FALSE(Maps(worker, "libtorch"));
      EXPECT_FALSE(Maps(worker, "libmpi"));
    }
    actor->Signal(round == 1 ? SIGINT : SIGTERM);
    EXPECT_EQ(actor->Wait(3s), 0) << actor->Output();
    for (const pid_t worker : workers) EXPECT_TRUE(Gone(worker));
    ASSERT_TRUE(WaitForAlive(job, 1)) << job.Output();

    // Is killed: its workers die with it, and only its own.
    auto killed = Join(directory, "1");
    ASSERT_TRUE(WaitForAlive(job, 2)) << job.Output() << killed->Output();
    const auto orphan = ChildrenOf(killed->Pid()).at(0);
    killed->Signal(SIGKILL);
    EXPECT_EQ(killed->Wait(3s), 128 + SIGKILL);
    EXPECT_TRUE(Gone(orphan));
    ASSERT_TRUE(WaitForAlive(job, 1)) << job.Output();
    EXPECT_GT(Frames(job), frames);
  }

  // Stays to the end.
  auto last = Join(directory, "1");
  ASSERT_TRUE(WaitForAlive(job, 2)) << job.Output() << last->Output();
  ASSERT_EQ(job.Wait(60s), 0) << job.Output();
  EXPECT_EQ(job.Json("status.json")["status"], "done");
  EXPECT_EQ(last->Wait(5s), 0) << last->Output();
  EXPECT_THAT(last->Output(), HasSubstr("the run is over"));
}

TEST(ElasticActorTest, ElasticWorkersAloneKeepAJobGoing) {
  RunningJob job(0, LongRun("12s"));
  ASSERT_TRUE(WaitForAlive(job, 1)) << job.Output();
  auto actor = Join(RunDirectoryOf(job), "1");
  const auto line = WaitForAlive(job, 2);
  ASSERT_TRUE(line) << job.Output() << actor->Output();
  // The hosted worker stands still from here on: what comes now comes from outside.
  const auto hosted = ChildrenOf((*line)["ranks"][0]["pid"].get<pid_t>());
  ASSERT_EQ(hosted.size(), 1U);
  ASSERT_EQ(::kill(hosted[0], SIGSTOP), 0);
  std::this_thread::sleep_for(500ms);
  const auto frames = Frames(job);
  EXPECT_TRUE(job.WaitForProgress(10s, [&](const json& now) {
    return now["frames"] > frames + 500;
  })) << job.Output();
  ::kill(hosted[0], SIGCONT);
  EXPECT_EQ(job.Wait(60s), 0) << job.Output();
  EXPECT_EQ(actor->Wait(5s), 0) << actor->Output();
}

TEST(ElasticActorTest, OnlyTheTokenLetsAWorkerIn) {
  RunningJob job(0, LongRun("12s"));
  ASSERT_TRUE(WaitForAlive(job, 1)) << job.Output();
  const std::string addresses = Addresses(job);
  std::string token = job.Text("token");
  token.pop_back();

  auto missing = Join(addresses, "1", {"STILLHOUSE_TOKEN="});
  EXPECT_EQ(missing->Wait(3s), 2);
  EXPECT_THAT(missing->Output(), HasSubstr("STILLHOUSE_TOKEN"));

  std::string wrong_token = token;
  wrong_token.back() = wrong_token.back() == '0' ? '1' : '0';
  auto wrong = Join(addresses, "1", {"STILLHOUSE_TOKEN=" + wrong_token});
  EXPECT_EQ(wrong->Wait(5s), 2) << wrong->Output();
  EXPECT_THAT(wrong->Output(), HasSubstr("refused: wrong token"));
  EXPECT_THAT(wrong->Output(), Not(HasSubstr("cart_pole")));
  EXPECT_THAT(wrong->Output(), Not(HasSubstr(token)));

  auto half = Join(addresses.substr(0, addresses.find(',')), "1", {"STILLHOUSE_TOKEN=" + token});
  EXPECT_EQ(half->Wait(5s), 2) << half->Output();
  EXPECT_THAT(half->Output(), HasSubstr("has 2 shards, 1 address"));

  // The wrong ones have not moved the job; the right one is taken, from a file too.
  const ScratchDirectory scratch;
  auto right = std::make_unique<Command>(
      Stillhouse({"actor", "--connect", addresses, "--token-file", scratch.Write("t", token)}));
  ASSERT_TRUE(WaitForAlive(job, 2)) << job.Output() << right->Output();
  const auto worker = ChildrenOf(right->Pid()).at(0);
  for (const pid_t pid : {right->Pid(), worker}) {
    Command ps({"/bin/ps", "-o", "args=", "-p", std::to_string(pid)});
    ps.Wait(5s);
    EXPECT_THAT(ps.Output(), Not(HasSubstr(token)));
  }
  ASSERT_EQ(job.Wait(60s), 0) << job.Output();
  EXPECT_EQ(job.Json("status.json")["status"], "done");
  EXPECT_THAT(job.Output(), HasSubstr("closed: wrong token"));
  EXPECT_THAT(job.Output(), Not(HasSubstr(token)));
  EXPECT_EQ(right->Wait(5s), 0) << right->Output();
}

TEST(ElasticActorTest, WhoCannotBeReachedIsNamedWithWhatWasTried) {
  const ScratchDirectory scratch;
  auto refused = Join("127.0.0.1:1", "1", {"STILLHOUSE_TOKEN=word"});
  auto unknown = Join("no-such-host.invalid:7000", "1", {"STILLHOUSE_TOKEN=word"});
  // A directory without a job is waited for as long.
  auto empty = Join(scratch.Path().string(), "1");
  EXPECT_EQ(refused->Wait(20s), 1);
  EXPECT_THAT(refused->Output(), HasSubstr("cannot reach the shard at 127.0.0.1:1"));
  EXPECT_THAT(refused->Output(), HasSubstr("attempts in"));
  EXPECT_THAT(refused->Output(), HasSubstr("Connection refused"));
  EXPECT_EQ(unknown->Wait(30s), 1);
  EXPECT_THAT(unknown->Output(), HasSubstr("no-such-host.invalid:7000"));
  EXPECT_THAT(unknown->Output(), HasSubstr("Host not found"));
  EXPECT_EQ(empty->Wait(20s), 1);
  EXPECT_THAT(empty->Output(), HasSubstr("endpoints.json"));
}

}  // namespace
}  // namespace stillhouse
