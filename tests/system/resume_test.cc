// Checkpoints and going on from them, through real processes: kill -9, signals, damage.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using nlohmann::json;
using testing_support::DescendantsOf;
using testing_support::RunningJob;

const std::string kSmoke = STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml";

std::vector<std::string> Arguments(const std::vector<std::string>& more) {
  std::vector<std::string> arguments{kSmoke,
                                     "--resume",
                                     "auto",
                                     "--set",
                                     "checkpoint.every=500ms",
                                     "--set",
                                     "stop.time=200s",
                                     "--set",
                                     "stop.frames=40000",
                                     "--set",
                                     "monitor.log_every=200ms"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

bool HasCheckpoint(const RunningJob& job, std::size_t at_least = 1) {
  const fs::path folder = job.Directory() / "run" / "checkpoints";
  std::error_code error;
  std::size_t found = 0;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (fs::exists(entry.path() / "MANIFEST.json", error) && !entry.path().has_extension()) ++found;
  }
  return found >= at_least;
}

fs::path NewestCheckpoint(const RunningJob& job) {
  fs::path newest;
  long most = -1;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(job.Directory() / "run" / "checkpoints", error)) {
    const std::string name = entry.path().filename().string();
    if (name.find('.') != std::string::npos) continue;
    if (std::stol(name) > most) {
      most = std::stol(name);
      newest = entry.path();
    }
  }
  return newest;
}

/// Waits until a checkpoint with updates in it is there.
::testing::AssertionResult WaitForCheckpoint(const RunningJob& job, std::size_t at_least = 1) {
  const auto line = job.WaitForProgress(60s, [&](const json&) {
    const fs::path newest = NewestCheckpoint(job);
    return !newest.empty() && std::stol(newest.filename().string()) > 300 &&
           HasCheckpoint(job, at_least);
  });
  if (line) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << job.Output();
}

json FirstLineOf(const RunningJob& job, int attempt) {
  for (const auto& line : job.Progress()) {
    if (line["attempt"] == attempt) return line;
  }
  return {};
}

void ExpectWentOn(const RunningJob& job, int attempt) {
  const json first = FirstLineOf(job, attempt);
  ASSERT_TRUE(first.is_object()) << job.Output();
  ASSERT_TRUE(first.contains("resumed_from_updates")) << first.dump();
  const auto from = first["resumed_from_updates"].get<long>();
  EXPECT_GT(from, 0);
  EXPECT_EQ(first["updates"], from);
  EXPECT_GT(first["frames"].get<long>(), 0);
  long updates = from;
  double elapsed = first["elapsed_s"].get<double>();
  EXPECT_GT(elapsed, 0.5);
  for (const auto& line : job.Progress()) {
    if (line["attempt"] != attempt) continue;
    EXPECT_GE(line["updates"].get<long>(), updates);
    EXPECT_GE(line["elapsed_s"].get<double>(), elapsed);
    updates = line["updates"].get<long>();
    elapsed = line["elapsed_s"].get<double>();
  }
  EXPECT_GT(updates, from) << job.Output();
}

TEST(ResumeTest, TheSameCommandGoesOnAfterKillNineOfTheWholeJob) {
  RunningJob job(6, Arguments({}));
  ASSERT_TRUE(WaitForCheckpoint(job));
  job.KillAll();
  EXPECT_EQ(job.Json("status.json")["status"], "running");
  job.Restart(6, Arguments({}));
  ASSERT_EQ(job.Wait(90s), 0) << job.Output();
  ExpectWentOn(job, 2);
  const json last = job.Progress().back();
  EXPECT_GE(last["frames"].get<long>(), 40000);
  for (const std::string name : {"small", "tiny"}) {
    EXPECT_GT(last["students"][name]["updates"].get<long>(), 300) << name;
  }
  // samples_per_insert is kept over the whole run: |S - s (I - m)| <= tolerance at its end.
  EXPECT_NEAR(last["samples_per_insert"].get<double>(), 8, 1.5);
  EXPECT_EQ(job.Json("status.json")["status"], "done");
  EXPECT_EQ(job.Json("status.json")["attempt"], 2);
}

TEST(ResumeTest, TheNoticeOfPreemptionThroughMpirunIsACheckpointAndStatus75) {
  RunningJob job(6, Arguments({}));
  ASSERT_TRUE(WaitForCheckpoint(job));
  job.Signal(SIGUSR1);
  const auto asked = std::chrono::steady_clock::now();
  ASSERT_EQ(job.Wait(40s), 75) << job.Output();
  EXPECT_LT(std::chrono::steady_clock::now() - asked, 30s);
  const json status = job.Json("status.json");
  EXPECT_EQ(status["status"], "preempted");
  EXPECT_EQ(status["exit_status"], 75);
  EXPECT_NE(status["reason"].get<std::string>().find("SIGUSR1"), std::string::npos);
  job.Restart(6, Arguments({}));
  ASSERT_EQ(job.Wait(90s), 0) << job.Output();
  ExpectWentOn(job, 2);
}

TEST(ResumeTest, SignalsDoTheSameWithoutMpirunAndUsr2OnlyCheckpoints) {
  const auto arguments = Arguments({"--set", "checkpoint.every=off"});
  RunningJob job(0, arguments);
  ASSERT_TRUE(job.WaitForProgress(60s, [](const json& l) { return l["updates"] > 200; }));
  EXPECT_FALSE(HasCheckpoint(job));
  job.Signal(SIGUSR2);
  ASSERT_TRUE(job.WaitForProgress(20s, [&](const json&) { return HasCheckpoint(job); }));
  EXPECT_EQ(job.Json("status.json")["status"], "running");
  for (const int signal : {SIGTERM, SIGINT}) {
    job.Signal(signal);
    ASSERT_EQ(job.Wait(30s), 75) << job.Output();
    EXPECT_EQ(job.Json("status.json")["status"], "preempted");
    job.Restart(0, arguments);
    ASSERT_TRUE(job.WaitForProgress(60s, [&](const json& l) {
      return l["attempt"] == (signal == SIGTERM ? 2 : 3) && l["updates"] > 200;
    })) << job.Output();
  }
  ASSERT_EQ(job.Wait(90s), 0) << job.Output();
}

TEST(ResumeTest, ADamagedNewestCheckpointIsPassedOverAndSaid) {
  RunningJob job(2, Arguments({}));
  ASSERT_TRUE(job.WaitForProgress(60s, [&](const json& l) {
    return l["updates"] > 1500 && HasCheckpoint(job, 3);
  })) << job.Output();
  job.KillAll();
  const fs::path newest = NewestCheckpoint(job);
  fs::resize_file(newest / "teacher.state", fs::file_size(newest / "teacher.state") / 2);
  job.Restart(2, Arguments({}));
  ASSERT_EQ(job.Wait(90s), 0) << job.Output();
  ExpectWentOn(job, 2);
  const std::string log = job.Text("progress.log");
  EXPECT_NE(log.find("checkpoint " + newest.filename().string() + " is passed over"),
            std::string::npos);
  EXPECT_LT(FirstLineOf(job, 2)["resumed_from_updates"].get<long>(),
            std::stol(newest.filename().string()));
  EXPECT_TRUE(fs::exists(newest.string() + ".aside1")) << "damaged, but not deleted";
}

TEST(ResumeTest, AStudentThatIsStoppedBlocksNeitherACheckpointNorTheEnd) {
  RunningJob job(6, Arguments({"--set", "stop.frames=100000000"}));
  ASSERT_TRUE(WaitForCheckpoint(job));
  const auto reported =
      job.WaitForProgress(30s, [](const auto& line) { return line["ranks"].size() == 6; });
  ASSERT_TRUE(reported) << job.Output();
  pid_t stopped = 0;
  for (const auto& rank : (*reported)["ranks"]) {
    if (rank["role"] == "student_host" && stopped == 0) stopped = rank["pid"].get<pid_t>();
  }
  ASSERT_GT(stopped, 0);
  ::kill(stopped, SIGSTOP);
  job.Signal(SIGUSR1);
  ASSERT_EQ(job.Wait(60s), 75) << job.Output();
  EXPECT_NE(job.Text("progress.log").find("its part of the checkpoint is"), std::string::npos);
  // Training went on while the checkpoint waited for the student.
  const long frames = job.Progress().back()["frames"].get<long>() + 3000;
  job.Restart(6, Arguments({"--set", "stop.frames=" + std::to_string(frames)}));
  ASSERT_EQ(job.Wait(90s), 0) << job.Output();
  ExpectWentOn(job, 2);
}

TEST(ResumeTest, ARunThatIsDoneStaysAsItIs) {
  RunningJob job(2, {kSmoke, "--set", "stop.frames=3000"});
  ASSERT_EQ(job.Wait(60s), 0) << job.Output();
  const std::string progress = job.Text("progress.jsonl");
  job.Restart(2, {kSmoke, "--resume", "auto"});
  ASSERT_EQ(job.Wait(30s), 0) << job.Output();
  EXPECT_NE(job.Output().find("done already"), std::string::npos);
  EXPECT_EQ(job.Text("progress.jsonl"), progress);
}

TEST(ResumeTest, ACheckpointOfAnotherNetworkIsRefusedWithBothNamed) {
  RunningJob job(2, Arguments({}));
  ASSERT_TRUE(WaitForCheckpoint(job));
  job.KillAll();
  const std::string progress = job.Text("progress.jsonl");
  job.Restart(2, Arguments({"--set", "teacher.network={layers: [{linear: 24}, relu, q_head]}"}));
  ASSERT_EQ(job.Wait(30s), 2) << job.Output();
  EXPECT_NE(job.Output().find("fc32"), std::string::npos) << job.Output();
  EXPECT_NE(job.Output().find("fc24"), std::string::npos) << job.Output();
  EXPECT_EQ(job.Text("progress.jsonl"), progress);
  EXPECT_TRUE(HasCheckpoint(job));
}

TEST(ResumeTest, AnotherJobCannotTakeTheSameRunDirectory) {
  RunningJob job(0, Arguments({}));
  ASSERT_TRUE(WaitForCheckpoint(job));
  const std::string command = "\"" STILLHOUSE_BINARY_DIR "/stillhouse\" train " + kSmoke +
                              " --resume auto --run-dir " + (job.Directory() / "run").string() +
                              " > " + (job.Directory() / "second").string() + " 2>&1";
  const int status = std::system(command.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 2);
  std::ifstream second(job.Directory() / "second");
  const std::string text((std::istreambuf_iterator<char>(second)), {});
  EXPECT_NE(text.find("another job is using this run directory"), std::string::npos) << text;
  job.Signal(SIGTERM);
  EXPECT_EQ(job.Wait(40s), 75);
}

}  // namespace
}  // namespace stillhouse
