// Going on from a checkpoint with another layout or other settings, through real processes.

#include <chrono>
#include <filesystem>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/command.h"
#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using nlohmann::json;
using testing_support::Command;
using testing_support::RunningJob;
using testing_support::Stillhouse;

const std::string kSmoke = STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml";
constexpr long kStopFrames = 40000;

std::vector<std::string> Arguments(const std::vector<std::string>& settings) {
  std::vector<std::string> arguments{kSmoke, "--resume", "auto"};
  std::vector<std::string> all{
      "checkpoint.every=400ms",      "stop.time=200s",
      "stop.distill_tail=0.02",      "evaluation.final_episodes=5",
      "replay.durability=async",     "monitor.log_every=100ms",
      "replay.samples_per_insert=8", "stop.frames=" + std::to_string(kStopFrames)};
  all.insert(all.end(), settings.begin(), settings.end());
  for (const auto& setting : all) {
    arguments.push_back("--set");
    arguments.push_back(setting);
  }
  return arguments;
}

/// Waits until the run is in the middle of things, with a checkpoint in which students have learnt
/// too, and kills it all.
::testing::AssertionResult KillInTheMiddle(RunningJob& job) {
  const fs::path checkpoints = job.Directory() / "run" / "checkpoints";
  const auto line = job.WaitForProgress(60s, [&](const json& l) {
    if (l["updates"] < 1500 || l["frames"] < 2000) return false;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(checkpoints, error)) {
      const std::string name = entry.path().filename().string();
      if (name.find('.') == std::string::npos && std::stol(name) > 1200) return true;
    }
    return false;
  });
  if (!line) return ::testing::AssertionFailure() << job.Output();
  job.KillAll();
  if (job.Json("status.json")["status"] != "running") {
    return ::testing::AssertionFailure() << "it was over already";
  }
  return ::testing::AssertionSuccess();
}

long Stored(const RunningJob& job) {
  const std::string run = (job.Directory() / "run").string();
  Command info(Stillhouse({"replay", "info", run, "--json"}));
  if (info.Wait(20s) != 0) return -1;
  long items = 0;
  for (const auto& shard : json::parse(info.Output())) items += shard["transitions"].get<long>();
  return items;
}

/// Every stored transition there once, by its key, and the segments sound.
void ExpectSound(const RunningJob& job) {
  const std::string run = (job.Directory() / "run").string();
  Command verify(Stillhouse({"replay", "verify", run}));
  EXPECT_EQ(verify.Wait(20s), 0) << verify.Output();
  Command dump(Stillhouse({"replay", "dump", run, "--packed"}));
  ASSERT_EQ(dump.Wait(60s), 0);
  std::set<std::pair<std::string, std::uint64_t>> keys;
  std::istringstream lines(dump.Output());
  for (std::string text; std::getline(lines, text);) {
    const json line = json::parse(text);
    EXPECT_TRUE(keys.emplace(line["incarnation"], line["item"]).second) << "twice: " << text;
  }
  EXPECT_EQ(static_cast<long>(keys.size()), Stored(job));
}

json FirstLineOf(const RunningJob& job, int attempt) {
  for (const auto& line : job.Progress()) {
    if (line["attempt"] == attempt) return line;
  }
  return {};
}

/// The second attempt went on from the first one's checkpoint with all of its store.
void ExpectWentOn(const RunningJob& job, long stored, int attempt = 2) {
  const json first = FirstLineOf(job, attempt);
  ASSERT_TRUE(first.is_object()) << job.Output();
  ASSERT_TRUE(first.contains("resumed_from_updates")) << first.dump();
  EXPECT_GT(first["resumed_from_updates"].get<long>(), 0);
  EXPECT_EQ(first["updates"], first["resumed_from_updates"]);
  EXPECT_EQ(first["frames"], stored);
  const json last = job.Progress().back();
  EXPECT_GE(last["frames"].get<long>(), kStopFrames);
  EXPECT_GT(last["updates"].get<long>(), first["updates"].get<long>());
  EXPECT_EQ(job.Json("status.json")["status"], "done");
  EXPECT_EQ(job.Json("status.json")["attempt"], attempt);
}

/// A way in which the second attempt differs from the first.
struct Change {
  std::string name;
  int ranks_before = 6;
  int ranks_after = 6;
  std::vector<std::string> before{};
  std::vector<std::string> after{};
  std::vector<std::string> students = {"small", "tiny"};  ///< afterwards, going on
};

std::ostream& operator<<(std::ostream& out, const Change& change) { return out << change.name; }

class LayoutTest : public ::testing::TestWithParam<Change> {};

TEST_P(LayoutTest, GoesOnWithEverythingThatWasStored) {
  const Change& change = GetParam();
  RunningJob job(change.ranks_before, Arguments(change.before));
  ASSERT_TRUE(KillInTheMiddle(job));
  const long stored = Stored(job);
  ASSERT_GT(stored, 2000);
  job.Restart(change.ranks_after, Arguments(change.after));
  ASSERT_EQ(job.Wait(90s), 0) << job.Output();
  ExpectWentOn(job, stored);
  const json first = FirstLineOf(job, 2);
  const json last = job.Progress().back();
  ASSERT_EQ(last["students"].size(), change.students.size());
  for (const auto& name : change.students) {
    // One that goes on begins where it was, a new one from nothing; both learn.
    EXPECT_GT(last["students"][name]["updates"].get<long>(), 50) << name;
  }
  // |S - s (I - m)| <= tolerance over the whole run.
  EXPECT_NEAR(last["samples_per_insert"].get<double>(), 8, 1.5);
  ExpectSound(job);
}

const Change kChanges[] = {
    {"MoreShards", 6, 6, {"replay.shards=2"}, {"replay.shards=3"}},
    {"FewerShards", 6, 6, {"replay.shards=3"}, {"replay.shards=2"}},
    {"OneShard", 6, 2, {"replay.shards=4"}, {"replay.shards=1"}},
    {"FewerRanks", 6, 2},
    {"MoreRanks", 2, 6},
    {"NoMpirun", 6, 0},
    {"MoreWorkers", 5, 5, {"actors.workers=1"}, {"actors.workers=3"}},
    {"FewerWorkers", 5, 5, {"actors.workers=3"}, {"actors.workers=1"}},
    {"LargerCapacity", 4, 4, {"replay.capacity=20000"}, {"replay.capacity=30000"}},
    {"OtherExponents", 4, 4, {"replay.alpha=0.6"}, {"replay.alpha=0.9", "replay.beta=0.7"}},
    {"MoreLearners", 5, 6, {}, {"teacher.learners=2"}},
    {"FewerLearners", 6, 5, {"teacher.learners=2"}, {}},
    {"OtherLearners", 6, 8, {"teacher.learners=2"}, {"teacher.learners=4"}},
    {"OtherBatchSize", 4, 4, {"teacher.batch_size=32"}, {"teacher.batch_size=64"}},
};

INSTANTIATE_TEST_SUITE_P(Changes, LayoutTest, ::testing::ValuesIn(kChanges),
                         [](const auto& change) { return change.param.name; });

TEST(LayoutChangeTest, ASmallerStoreKeepsTheNewest) {
  RunningJob job(4, Arguments({"replay.capacity=20000"}));
  ASSERT_TRUE(KillInTheMiddle(job));
  const long stored = Stored(job);
  job.Restart(4, Arguments({"replay.capacity=1500"}));
  ASSERT_EQ(job.Wait(90s), 0) << job.Output();
  ExpectWentOn(job, stored);
  EXPECT_LE(FirstLineOf(job, 2)["replay_size"].get<long>(), 1500);
  EXPECT_GT(FirstLineOf(job, 2)["replay_size"].get<long>(), 1400);
  EXPECT_LE(job.Progress().back()["replay_size"].get<long>(), 1500);
}

TEST(LayoutChangeTest, StudentsMayBeAddedAndLeftOut) {
  const std::string third =
      "students.third={network: {layers: [{linear: 8}, relu, q_head]}, publish_every: 50}";
  RunningJob job(4, Arguments({}));
  ASSERT_TRUE(KillInTheMiddle(job));
  const long stored = Stored(job);
  job.Restart(5, Arguments({third}));
  ASSERT_EQ(job.Wait(90s), 0) << job.Output();
  ExpectWentOn(job, stored);
  const json last = job.Progress().back();
  ASSERT_EQ(last["students"].size(), 3U);
  EXPECT_GT(last["students"]["third"]["updates"].get<long>(), 50);
  EXPECT_GT(last["students"]["small"]["updates"].get<long>(),
            last["students"]["third"]["updates"].get<long>());
  EXPECT_FALSE(job.Text("models/third.native").empty());
}

TEST(LayoutChangeTest, AnotherNStepOrEnvironmentIsRefusedBeforeAnythingChanges) {
  RunningJob job(2, Arguments({}));
  ASSERT_TRUE(KillInTheMiddle(job));
  const std::string progress = job.Text("progress.jsonl");
  const std::string status = job.Text("status.json");
  const auto refused = [&](const std::vector<std::string>& settings, const std::string& said) {
    job.Restart(2, Arguments(settings));
    EXPECT_EQ(job.Wait(30s), 2) << job.Output();
    EXPECT_NE(job.Output().find(said), std::string::npos) << job.Output();
    EXPECT_EQ(job.Text("progress.jsonl"), progress);
    EXPECT_EQ(job.Text("status.json"), status);
  };
  refused({"replay.n_step=5"}, "at n_step 3, this job stores");
  refused({"env.id=classic/acrobot"}, "--resume never");
  refused({"replay.n_step=5", "replay.shards=3"}, "at n_step 3, this job stores");
}

}  // namespace
}  // namespace stillhouse
