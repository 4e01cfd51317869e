// The worker as a process of its own: `stillhouse-worker` started by the real launcher against a
// real shard.
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/env/environment_factory.h"
#include "actors/process_launcher.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "replay/driver/shard_driver.h"
#include "tests/actors/actor_test_config.h"

namespace stillhouse {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kProgram = STILLHOUSE_BINARY_DIR "/stillhouse-worker";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct Kept final : Outbox {
  void Send(Envelope envelope) override { sent.push_back(std::move(envelope)); }
  std::vector<Envelope> sent;
};

class WorkerProcessTest : public ::testing::Test {
 protected:
  WorkerProcessTest() {
    replay::ShardSettings settings;
    settings.config = actors::SmallConfig();
    settings.config.replay.shards = 1;
    settings.config.replay.durability = Durability::kNone;
    settings.config_yaml = PrintConfig(settings.config);
    settings.environment = actors::MakeEnvironment(settings.config.env.id)->Spec();
    settings.token = "right";
    settings.models = 2;
    shard.emplace(settings, loop, "127.0.0.1:0", clock, [this](const auto& line) { log += line; });
  }
  template <typename Body>
  void Tell(const Body& body) {
    Kept packed;
    SendTo(packed, kCoordinatorAddress, shard->Address(), body);
    shard->Handle(packed.sent.front(), clock.Now(), out);
  }
  template <typename Condition>
  bool RunUntil(Condition condition, double seconds = 10) {
    const Time end = clock.Now() + FromSeconds(seconds);
    while (!condition()) {
      if (clock.Now() > end) return false;
      loop.RunOnce(std::chrono::milliseconds(2));
      shard->Tick(clock.Now(), out);
    }
    return true;
  }
  std::int64_t Start(const std::string& token = "right") {
    return launcher.Start({0, {shard->ListenAddress()}, token});
  }
  /// Items stored, as the shard's last report says.
  std::uint64_t Stored() const {
    const auto last = std::find_if(out.sent.rbegin(), out.sent.rend(), [](const Envelope& sent) {
      return sent.kind == MessageKind::kShardReport;
    });
    return last == out.sent.rend() ? 0 : DecodeBody<ShardReport>(*last).frames;
  }
  std::optional<int> ExitStatus() {
    for (const auto& exit : launcher.Poll()) status = exit.status;
    return status;
  }

  SteadyClock clock;
  EventLoop loop;
  std::string log;
  Kept out;
  std::optional<replay::ShardDriver> shard;
  actors::WorkerLauncher launcher{kProgram};
  std::optional<int> status;
};

TEST_F(WorkerProcessTest, PlaysInLittleMemoryWithoutTorchOrMpiAndLeavesWithTheRun) {
  setenv("OMPI_COMM_WORLD_RANK", "0", 1);
  setenv("PMIX_RANK", "0", 1);
  setenv("SLURM_JOB_ID", "7", 1);
  Tell(InsertGrant{1000000});
  const auto pid = Start();
  ASSERT_TRUE(RunUntil([&] { return Stored() > 1000; }));
  const std::string proc = "/proc/" + std::to_string(pid);
  EXPECT_THAT(ReadFile(proc + "/maps"), Not(HasSubstr("libtorch")));
  EXPECT_THAT(ReadFile(proc + "/maps"), Not(HasSubstr("libmpi")));
  const std::string environment = ReadFile(proc + "/environ");
  for (const char* foreign : {"OMPI_", "PMIX_", "SLURM"}) {
    EXPECT_THAT(environment, Not(HasSubstr(foreign)));
  }
  EXPECT_THAT(ReadFile(proc + "/cmdline"), Not(HasSubstr("right")));
  EXPECT_THAT(environment, Not(HasSubstr("TOKEN"))) << "`ps e` shows it";
  const std::string memory = ReadFile(proc + "/status");
  EXPECT_LT(std::stol(memory.substr(memory.find("VmRSS:") + 6)), 30 * 1024);
  Tell(Leave{});
  ASSERT_TRUE(RunUntil([&] { return ExitStatus().has_value(); }));
  EXPECT_EQ(*status, 0);
}

TEST_F(WorkerProcessTest, IgnoresTheSignalsOfRanks) {
  Tell(InsertGrant{1000000});
  const auto pid = Start();
  ASSERT_TRUE(RunUntil([&] { return Stored() > 0; }));
  kill(static_cast<pid_t>(pid), SIGUSR1);
  kill(static_cast<pid_t>(pid), SIGUSR2);
  const auto before = Stored();
  ASSERT_TRUE(RunUntil([&] { return Stored() > before + 1000; }));
  EXPECT_FALSE(ExitStatus().has_value());
}

TEST_F(WorkerProcessTest, AWrongTokenIsRefusedAndNothingElseIsSaid) {
  Start("wrong");
  ASSERT_TRUE(RunUntil([&] { return ExitStatus().has_value(); }));
  EXPECT_EQ(*status, 2);
}

double CpuSeconds(std::int64_t pid) {
  std::istringstream stat(ReadFile("/proc/" + std::to_string(pid) + "/stat"));
  std::string word;
  for (int i = 0; i < 13; ++i) stat >> word;
  double user = 0;
  double system = 0;
  stat >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

TEST_F(WorkerProcessTest, AWaitingWorkerBurnsNoProcessor) {
  const auto pid = Start();  // no grant: its window fills and it waits
  RunUntil([] { return false; }, 0.5);
  const double before = CpuSeconds(pid);
  RunUntil([] { return false; }, 1.0);
  EXPECT_LE(CpuSeconds(pid) - before, 0.05);
}

TEST_F(WorkerProcessTest, DiesWithItsHost) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const std::string address = shard->ListenAddress();
  const pid_t host = fork();
  if (host == 0) {
    actors::WorkerLauncher child(kProgram);
    const std::int64_t worker = child.Start({0, {address}, "right"});
    if (write(ends[1], &worker, sizeof(worker)) != sizeof(worker)) _exit(1);
    pause();
    _exit(0);
  }
  std::int64_t worker = 0;
  ASSERT_EQ(read(ends[0], &worker, sizeof(worker)), static_cast<ssize_t>(sizeof(worker)));
  Tell(InsertGrant{1000000});
  ASSERT_TRUE(RunUntil([&] { return Stored() > 0; }));
  kill(host, SIGKILL);
  waitpid(host, nullptr, 0);
  const auto gone = [&] {
    const std::string stat = ReadFile("/proc/" + std::to_string(worker) + "/stat");
    return stat.empty() || stat.find(") Z") != std::string::npos;
  };
  EXPECT_TRUE(RunUntil(gone, 2));
  close(ends[0]);
  close(ends[1]);
}

TEST(DescribeEnvironmentTest, GivesTheFactsOfAnEnvironmentFromAnotherProcess) {
  EnvironmentSettings settings;
  settings.id = "minatar/seaquest";
  EXPECT_EQ(actors::DescribeEnvironment(settings, kProgram),
            actors::MakeEnvironment("minatar/seaquest")->Spec());
}

TEST(DescribeEnvironmentTest, AnUnknownIdIsAConfigErrorInTheWorkersWords) {
  EnvironmentSettings settings;
  settings.id = "minatar/chess";
  try {
    actors::DescribeEnvironment(settings, kProgram);
    FAIL() << "described chess";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("minatar/chess"));
  }
  EXPECT_THROW(actors::DescribeEnvironment(settings, "/nonexistent/worker"), CommError);
}

}  // namespace
}  // namespace stillhouse
