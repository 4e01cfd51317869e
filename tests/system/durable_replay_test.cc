// Stored experience through real processes: read while it is written, kept through kill -9 and a
// full disk, refused where it does not fit.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/command.h"
#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using testing_support::Command;
using testing_support::RunningJob;
using testing_support::Stillhouse;

const std::string kSmoke = STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml";

std::vector<std::string> Arguments(const std::vector<std::string>& settings) {
  std::vector<std::string> arguments{kSmoke, "--resume", "auto"};
  std::vector<std::string> all{"stop.time=200s",          "stop.frames=none",
                               "monitor.log_every=100ms", "evaluation.final_episodes=4",
                               "checkpoint.every=off",    "replay.durability=async"};
  all.insert(all.end(), settings.begin(), settings.end());
  for (const auto& setting : all) {
    arguments.emplace_back("--set");
    arguments.push_back(setting);
  }
  return arguments;
}

long FramesOf(const json& line) { return line["frames"].get<long>(); }

/// Its standard output, after it has ended with this status.
std::string Replay(const std::vector<std::string>& arguments, int status = 0) {
  std::vector<std::string> words{"replay"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  Command command(Stillhouse(words));
  EXPECT_EQ(command.Wait(60s), status) << command.Output();
  return command.Output();
}

/// Transitions ever stored, by what is in the segments.
long Stored(const fs::path& run) {
  long stored = 0;
  for (const auto& shard : json::parse(Replay({"info", run.string(), "--json"}))) {
    stored += shard["next_item"].get<long>();
  }
  return stored;
}

TEST(DurableReplayTest, StoredSegmentsAreReadWhileTheRunWritesThem) {
  RunningJob job(6, Arguments({}));
  ASSERT_TRUE(job.WaitForProgress(60s, [](const json& line) { return FramesOf(line) > 3000; }))
      << job.Output();
  const fs::path run = job.Directory() / "run";
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Replay({"verify", run.string()}), HasSubstr("sound"));
  const long before = Stored(run);
  ASSERT_TRUE(
      job.WaitForProgress(60s, [&](const json& line) { return FramesOf(line) > before + 1000; }));
  EXPECT_GT(Stored(run), before);
  EXPECT_THAT(Replay({"dump", run.string(), "--limit", "3"}), HasSubstr("\"td_error\""));
  job.Signal(SIGUSR1);
  EXPECT_EQ(job.Wait(60s), 75) << job.Output();
}

TEST(DurableReplayTest, ARunKilledBeforeItsFirstCheckpointKeepsItsExperience) {
  RunningJob job(6, Arguments({}));
  const auto line = job.WaitForProgress(60s, [](const json& now) { return FramesOf(now) > 3000; });
  ASSERT_TRUE(line) << job.Output();
  job.KillAll();
  const long stored = Stored(job.Directory() / "run");
  EXPECT_GE(stored, FramesOf(*line)) << "what the log counted is in the segments";
  job.Restart(6, Arguments({"stop.frames=" + std::to_string(stored + 2000)}));
  ASSERT_EQ(job.Wait(90s), 0) << job.Output();
  EXPECT_THAT(job.Text("progress.log"),
              HasSubstr(std::to_string(stored) + " ever stored; the teacher begins anew"));
  EXPECT_GE(FramesOf(job.Progress().back()), stored + 2000);
  EXPECT_THAT(Replay({"verify", (job.Directory() / "run").string()}), HasSubstr("sound"));
}

TEST(DurableReplayTest, FramesAfterAResumeAreTheRecoveredInserts) {
  RunningJob job(6, Arguments({"checkpoint.every=500ms"}));
  const fs::path run = job.Directory() / "run";
  const auto line = job.WaitForProgress(60s, [&](const json& now) {
    return FramesOf(now) > 4000 && fs::exists(run / "checkpoints");
  });
  ASSERT_TRUE(line) << job.Output();
  ASSERT_TRUE(job.WaitForProgress(
      60s, [&](const json& now) { return FramesOf(now) > FramesOf(*line) + 2500; }));
  job.KillAll();
  const long stored = Stored(run);
  job.Restart(6, Arguments({"stop.frames=" + std::to_string(stored + 2000)}));
  ASSERT_EQ(job.Wait(90s), 0) << job.Output();
  bool resumed = false;
  for (const auto& now : job.Progress()) {
    if (!now.contains("resumed_from_updates") || now["resumed_from_updates"].is_null()) continue;
    resumed = true;
    EXPECT_EQ(FramesOf(now), stored);
    EXPECT_GT(now["replay_size"], 0);
  }
  EXPECT_TRUE(resumed) << job.Text("progress.log");
}

TEST(DurableReplayTest, AStoreOfAnotherNStepIsRefusedBeforeAnythingStarts) {
  RunningJob job(6, Arguments({}));
  ASSERT_TRUE(job.WaitForProgress(60s, [](const json& line) { return FramesOf(line) > 1000; }));
  job.KillAll();
  const std::string progress = job.Text("progress.jsonl");
  job.Restart(6, Arguments({"replay.n_step=1"}));
  ASSERT_EQ(job.Wait(30s), 2) << job.Output();
  EXPECT_THAT(job.Output(), HasSubstr("at n_step 3"));
  EXPECT_THAT(job.Output(), HasSubstr("n_step 1;"));
  EXPECT_EQ(job.Text("progress.jsonl"), progress);
}

TEST(DurableReplayTest, AFullDiskEndsTheRunResumablyAndNothingThatWasAcknowledgedIsLost) {
  // The first start fills the small disk; then there is room, and the same command goes on.
  const std::string script = R"sh(
    mount -t tmpfs -o size=300k none "$1" || exit 99
    start() {
      "$0" train "$2" --run-dir "$3" --resume auto --set replay.dir="$1/store" \
        --set replay.durability=sync --set stop.time=60s --set stop.frames=20000 \
        --set evaluation.final_episodes=4
    }
    start "$@"; first=$?
    echo "STATUS $(tr -d '\n' < "$3/status.json")"
    "$0" replay verify "$1/store"; verified=$?
    mount -o remount,size=20m "$1"
    start "$@"; second=$?
    echo "FIRST $first VERIFIED $verified SECOND $second")sh";
  const testing_support::ScratchDirectory scratch;
  fs::create_directories(scratch.Path() / "disk");
  const std::string program = Stillhouse({}).front();
  std::vector<std::string> words = {"/usr/bin/unshare", "--mount"};
  if (::geteuid() != 0) words.emplace_back("--map-root-user");
  words.insert(words.end(), {"/bin/sh", "-c", script, program, (scratch.Path() / "disk").string(),
                             kSmoke, (scratch.Path() / "run").string()});
  Command job(words);
  ASSERT_EQ(job.Wait(120s), 0) << job.Output();
  EXPECT_THAT(job.Output(), HasSubstr("No space left on device"));
  EXPECT_THAT(job.Output(), HasSubstr("STATUS {  \"status\": \"failed\""));
  EXPECT_THAT(job.Output(), HasSubstr("FIRST 1 VERIFIED 0 SECOND 0")) << job.Output();
}

}  // namespace
}  // namespace stillhouse
