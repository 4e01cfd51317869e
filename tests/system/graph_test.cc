// The distillation graph in whole jobs: a chain, two sources, a second teacher, kick-starting.

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
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

/// Five students in two host groups: a chain with a mixed end, and a kick-started one.
std::vector<std::string> Arguments(const std::vector<std::string>& more) {
  std::vector<std::string> arguments{kSmoke};
  const std::string layers = "network: {layers: [{linear: 16}, relu, q_head]}, publish_every: 50";
  const auto set = [&](const std::string& setting) {
    arguments.insert(arguments.end(), {"--set", setting});
  };
  set("students={small: {" + layers + ", label_source: average, max_label_age: 200}, tiny: {" +
      layers + ", from: [small]}, second: {" + layers + ", from: [], rewards: true}, mixed: {" +
      layers + ", from: {tiny: 1, second: 2, teacher: 1}}, kicked: {" + layers +
      ", rewards: {lambda: return_gap}, label_source: lagged}}");
  for (const std::string& setting : more) set(setting);
  return arguments;
}

/// In updates of the teacher, over the whole run: a line speaks of the time since the one before.
long OldestLabel(const RunningJob& job, const std::string& student) {
  long oldest = 0;
  for (const json& line : job.Progress()) {
    oldest = std::max(oldest, line["students"][student].value("label_age_max", 0L));
  }
  return oldest;
}

void ExpectEveryStudentLearnt(const RunningJob& job) {
  const json students = job.Progress().back()["students"];
  ASSERT_EQ(students.size(), 5U);
  for (const auto& [name, student] : students.items()) {
    EXPECT_GT(student["updates"].get<long>(), 100) << name;
    EXPECT_GT(student["loss"].get<double>(), 0) << name;
    for (const std::string field : {"label_age_mean", "label_age_max", "stale_batches"}) {
      EXPECT_TRUE(student[field].is_number()) << name << "." << field;
    }
  }
  EXPECT_EQ(OldestLabel(job, "tiny"), 0) << "its source labels on its own host";
  EXPECT_GT(OldestLabel(job, "kicked"), 100) << "a lagging network's labels";
  EXPECT_GT(students["tiny"]["agreement"].get<double>(), 0.6);
}

std::map<std::string, std::string> Leavings(const RunningJob& job) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(job.Directory() / "run" / "models")) {
    files[entry.path().filename().string()] = ReadFile(entry.path());
  }
  files["scoreboard.json"] = job.Text("scoreboard.json");
  return files;
}

TEST(GraphTest, ADeterministicGraphLearnsAndLeavesTheSameBytesTwice) {
  const auto arguments =
      Arguments({"run.deterministic=true", "stop.frames=8000", "stop.time=500s",
                 "checkpoint.every=900 updates", "evaluation.every=400 updates"});
  RunningJob first(0, arguments), again(0, arguments);
  ASSERT_EQ(first.Wait(120s), 0) << first.Output();
  ASSERT_EQ(again.Wait(120s), 0) << again.Output();
  ExpectEveryStudentLearnt(first);
  const auto files = Leavings(first);
  EXPECT_EQ(files.size(), 7U);
  EXPECT_EQ(files, Leavings(again));
}

TEST(GraphTest, SixRanksLearnAlongEveryEdge) {
  RunningJob job(6, Arguments({}));
  ASSERT_EQ(job.Wait(60s), 0) << job.Output();
  ExpectEveryStudentLearnt(job);
  EXPECT_EQ(job.Json("scoreboard.json")["models"].size(), 6U);
}

}  // namespace
}  // namespace stillhouse
