// A deterministic run that is interrupted and goes on leaves what one leaves that was not.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/run/atomic_file.h"
#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using nlohmann::json;
using testing_support::RunningJob;

const std::string kSmoke = STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml";

std::vector<std::string> Arguments(const std::string& durability = "async") {
  std::vector<std::string> arguments{kSmoke, "--resume", "auto"};
  for (const std::string setting :
       {"run.deterministic=true", "replay.shards=2", "replay.capacity=6000", "stop.frames=12000",
        "stop.time=500s", "checkpoint.every=400 updates", "checkpoint.keep=2",
        "evaluation.every=700 updates", "evaluation.final_episodes=10",
        "monitor.log_every=300ms"}) {
    arguments.insert(arguments.end(), {"--set", setting});
  }
  arguments.insert(arguments.end(), {"--set", "replay.durability=" + durability});
  return arguments;
}

/// Updates of the newest checkpoint; 0: there is none.
long NewestCheckpoint(const RunningJob& job) {
  long newest = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(job.Directory() / "run" / "checkpoints", error)) {
    const std::string name = entry.path().filename().string();
    if (name.find('.') == std::string::npos) newest = std::max(newest, std::stol(name));
  }
  return newest;
}

/// Everything that has to be the same, by name. A manifest says when it was written, by which
/// attempt.
std::map<std::string, std::string> Leavings(const RunningJob& job) {
  std::map<std::string, std::string> files;
  const fs::path run = job.Directory() / "run";
  for (const std::string part : {"replay", "models", "checkpoints"}) {
    for (const auto& entry : fs::recursive_directory_iterator(run / part)) {
      const std::string name = entry.path().filename().string();
      if (!entry.is_regular_file() || name == "LOCK" || name == "MANIFEST.json") continue;
      files[fs::relative(entry.path(), run).string()] = ReadFile(entry.path());
    }
  }
  files["scoreboard.json"] = job.Text("scoreboard.json");
  return files;
}

/// The lines that stand, as a reader takes them, without what an attempt says of itself.
std::vector<json> StandingLines(const RunningJob& job) {
  std::vector<json> lines;
  for (json line : job.Progress()) {
    if (line.contains("resumed_from_updates")) {
      const double from = line["elapsed_s"].get<double>();
      const long updates = line["resumed_from_updates"].get<long>();
      std::erase_if(lines, [&](const json& before) {
        return before["updates"].get<long>() > updates || before["elapsed_s"].get<double>() > from;
      });
      continue;
    }
    line.erase("attempt");
    lines.push_back(std::move(line));
  }
  return lines;
}

void ExpectSame(const RunningJob& job, const RunningJob& whole) {
  const auto files = Leavings(job);
  const auto expected = Leavings(whole);
  EXPECT_GT(expected.size(), 10U);
  for (const auto& [name, bytes] : expected) {
    ASSERT_TRUE(files.contains(name)) << name << " is missing";
    EXPECT_TRUE(files.at(name) == bytes) << name << " differs";
  }
  for (const auto& [name, bytes] : files) EXPECT_TRUE(expected.contains(name)) << name;
  const auto lines = StandingLines(job);
  const auto expected_lines = StandingLines(whole);
  ASSERT_EQ(lines.size(), expected_lines.size());
  for (std::size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i], expected_lines[i]);
}

/// When, and how, a run is interrupted.
struct Moment {
  std::string name;
  int signal;
  long updates;     ///< of the newest checkpoint, at least
  long frames = 0;  ///< in the progress log, at least
};

std::ostream& operator<<(std::ostream& out, const Moment& moment) { return out << moment.name; }

class DeterministicResumeTest : public ::testing::TestWithParam<Moment> {
 protected:
  /// One that nothing interrupts.
  static const RunningJob& Whole() {
    static const auto job = [] {
      auto made = std::make_unique<RunningJob>(0, Arguments());
      EXPECT_EQ(made->Wait(120s), 0) << made->Output();
      return made;
    }();
    return *job;
  }
};

TEST_P(DeterministicResumeTest, LeavesTheBytesOfARunThatNothingInterrupted) {
  const Moment& moment = GetParam();
  RunningJob job(0, Arguments());
  ASSERT_TRUE(job.WaitForProgress(100s, [&](const json& line) {
    return line["frames"].get<long>() >= moment.frames && NewestCheckpoint(job) >= moment.updates;
  })) << job.Output();
  if (moment.signal == SIGKILL) {
    job.KillAll();
    ASSERT_EQ(job.Json("status.json")["status"], "running") << "too late";
  } else {
    job.Signal(moment.signal);
    ASSERT_EQ(job.Wait(30s), 75) << job.Output();
    EXPECT_EQ(job.Json("status.json")["status"], "preempted");
  }
  job.Restart(0, Arguments());
  ASSERT_EQ(job.Wait(120s), 0) << job.Output();
  if (moment.updates > 0) {
    EXPECT_NE(job.Text("progress.log").find("resumed from"), std::string::npos);
  }
  ExpectSame(job, Whole());
}

INSTANTIATE_TEST_SUITE_P(Moments, DeterministicResumeTest,
                         ::testing::Values(Moment{"BeforeTheFirstCheckpoint", SIGKILL, 0, 600},
                                           Moment{"AfterTheFirstCheckpoint", SIGKILL, 1},
                                           Moment{"Later", SIGKILL, 1900},
                                           Moment{"OnNotice", SIGUSR1, 1200}),
                         [](const auto& moment) { return moment.param.name; });

TEST(DeterministicStoreTest, WithoutAStoreTheLogSaysThatItIsNotTheSame) {
  RunningJob job(0, Arguments("none"));
  ASSERT_TRUE(job.WaitForProgress(100s, [&](const json&) { return NewestCheckpoint(job) > 0; }))
      << job.Output();
  job.KillAll();
  job.Restart(0, Arguments("none"));
  ASSERT_EQ(job.Wait(120s), 0) << job.Output();
  EXPECT_NE(job.Text("progress.log").find("not the one that was interrupted"), std::string::npos);
}

}  // namespace
}  // namespace stillhouse
