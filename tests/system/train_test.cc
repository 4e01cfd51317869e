// The main job, started as a user starts it: mpirun, six ranks, two students, two shards.

#include <algorithm>
#include <chrono>
#include <map>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/command.h"
#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing_support::Command;
using testing_support::RunningJob;
using testing_support::Stillhouse;

const std::string kSmoke = STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml";

void ExpectNumbers(const json& object, const std::vector<std::string>& fields) {
  for (const auto& field : fields) {
    ASSERT_TRUE(object.contains(field)) << field;
    EXPECT_TRUE(object[field].is_number()) << field << ": " << object[field];
  }
}

void ExpectProgressFields(const json& line) {
  ExpectNumbers(line, {"attempt", "time", "elapsed_s", "frames", "episodes", "frames_per_s",
                       "updates", "updates_per_s", "samples_per_s", "samples_per_insert",
                       "replay_size", "replay_bytes", "loss", "q_mean", "grad_norm", "epsilon_mean",
                       "weights_version", "actors_alive", "return_mean"});
  ASSERT_TRUE(line["students"].is_object());
  for (const std::string name : {"small", "tiny"}) {
    ASSERT_TRUE(line["students"].contains(name));
    ExpectNumbers(line["students"][name], {"updates", "updates_per_s", "loss", "agreement",
                                           "lag_updates", "dropped_batches"});
  }
  ASSERT_TRUE(line["ranks"].is_array());
  for (const auto& rank : line["ranks"]) {
    ExpectNumbers(rank, {"rank", "pid", "busy", "rss_bytes"});
    EXPECT_TRUE(rank["role"].is_string());
    EXPECT_TRUE(rank["host"].is_string());
  }
}

void ExpectScoreboardFields(const json& board) {
  ExpectNumbers(board, {"updates", "frames", "random_return"});
  ASSERT_EQ(board["models"].size(), 3U);
  for (const auto& [name, model] : board["models"].items()) {
    EXPECT_EQ(model["kind"], name == "teacher" ? "teacher" : "student");
    ExpectNumbers(model, {"return_mean", "return_iqm", "episodes", "retention", "retention_current",
                          "agreement", "regret", "kl", "parameters", "bytes", "macs", "latency_us",
                          "return_worst5", "difference", "probability_of_improvement"});
    for (const std::string states : {"teacher_states", "own_states"}) {
      ExpectNumbers(model["fidelity"][states], {"agreement", "gap_agreement", "regret", "q_error"});
      EXPECT_EQ(model["fidelity"][states]["states"] > 0, name != "teacher")
          << name << " " << states;
    }
    EXPECT_GT(model["fidelity"]["replay_states"]["agreement"], 0) << name;
    EXPECT_EQ(model["return_ci95"].size(), 2U);
    EXPECT_TRUE(model["teacher_qualified"].is_boolean());
    EXPECT_EQ(model["episodes"], 20);
    EXPECT_GT(model["latency_us"].get<double>(), 0);
  }
}

TEST(TrainTest, SixRanksTrainTeacherAndStudentsAndEndWithAScoreboard) {
  // It ends by its frames, however long the machine takes over them: by time, a machine that stands
  // still for seconds would end it before anything has moved.
  RunningJob job(6, {kSmoke, "--set", "stop.time=100s", "--set", "actors.exploration.frames=20000",
                     "--set", "monitor.log_every=100ms"});
  ASSERT_EQ(job.Wait(120s), 0) << job.Output();
  const auto lines = job.Progress();
  ASSERT_GE(lines.size(), 3U) << job.Output();
  for (const auto& line : lines) ExpectProgressFields(line);
  // What counts up never falls, and ends above zero.
  for (const std::string field :
       {"elapsed_s", "frames", "episodes", "updates", "weights_version", "time"}) {
    double last = 0;
    for (const auto& line : lines) {
      EXPECT_GE(line[field].get<double>(), last) << field;
      last = line[field].get<double>();
    }
    EXPECT_GT(last, 0) << field;
  }
  const json& end = lines.back();
  EXPECT_EQ(end["ranks"].size(), 6U);
  EXPECT_GT(end["samples_per_insert"].get<double>(), 6.0);
  EXPECT_LT(end["samples_per_insert"].get<double>(), 10.0);
  EXPECT_GT(end["replay_bytes"].get<double>(), 0);
  EXPECT_GT(end["loss"].get<double>(), 0);
  EXPECT_GT(end["return_mean"].get<double>(), 0);
  EXPECT_GT(end["students"]["tiny"]["updates"].get<double>(), 100);
  double most_epsilon = 0;
  for (const auto& line : lines) {
    most_epsilon = std::max(most_epsilon, line["epsilon_mean"].get<double>());
  }
  EXPECT_LT(end["epsilon_mean"].get<double>(), most_epsilon);
  EXPECT_GT(end["epsilon_mean"].get<double>(), 0);
  ExpectScoreboardFields(job.Json("scoreboard.json"));
  EXPECT_EQ(job.Json("status.json")["status"], "done");
  for (const std::string file : {"config.yaml", "progress.log", "scoreboard.jsonl",
                                 "models/teacher.native", "models/tiny.native", "endpoints.json"}) {
    EXPECT_FALSE(job.Text(file).empty()) << file;
  }
  EXPECT_NE(job.Output().find("retention"), std::string::npos);
}

TEST(TrainTest, RunsAloneWithoutMpirun) {
  RunningJob job(0, {kSmoke});
  ASSERT_EQ(job.Wait(60s), 0) << job.Output();
  ExpectScoreboardFields(job.Json("scoreboard.json"));
  ASSERT_EQ(job.Progress().back()["ranks"].size(), 1U);

  const std::string run = (job.Directory() / "run").string();
  Command eval(Stillhouse({"eval", run + ":teacher", run + ":tiny", "--episodes", "8", "--json"}));
  ASSERT_EQ(eval.Wait(30s), 0) << eval.Output();
  const json result = json::parse(eval.Output());
  EXPECT_EQ(result["environment"], "classic/cart_pole");
  EXPECT_EQ(result["models"].size(), 2U);
  EXPECT_GT(result["models"][0]["return_mean"], 5);
  EXPECT_EQ(result["comparisons"].size(), 1U);
  Command missing(Stillhouse({"eval", run + ":large"}));
  EXPECT_EQ(missing.Wait(30s), 2) << missing.Output();
}

TEST(TrainTest, IllegalActionsAreNeverPlayedAndNeverChosen) {
  RunningJob job(4, {kSmoke, "--set", "env={id: minatar/breakout, options: {mask_actions: true}}",
                     "--set", "teacher.network={layers: [flatten, {linear: 16}, relu, q_head]}",
                     "--set", "students={small: {network: {layers: [flatten, q_head]}}}", "--set",
                     "stop={frames: 4000}", "--set", "replay.durability=async"});
  ASSERT_EQ(job.Wait(60s), 0) << job.Output();
  Command dump(Stillhouse({"replay", "dump", (job.Directory() / "run").string()}));
  ASSERT_EQ(dump.Wait(30s), 0) << dump.Output();
  std::istringstream lines(dump.Output());
  std::map<int, int> counts;
  for (std::string line; std::getline(lines, line);) {
    const json transition = json::parse(line);
    EXPECT_EQ(transition["legal"], json({1, 1, 0, 1, 0, 0}));
    EXPECT_EQ(transition["observation"].size(), 400U);
    ++counts[transition["action"].get<int>()];
  }
  EXPECT_EQ(counts[2] + counts[4] + counts[5], 0) << "up, down and fire";
  EXPECT_GT(counts[0] + counts[1] + counts[3], 3000);
  const json students = job.Json("scoreboard.json")["models"]["small"];
  EXPECT_GT(students["agreement"].get<double>(), 0.3);
}

TEST(TrainTest, BadConfigurationEndsWithTwoBeforeAnythingStarts) {
  RunningJob job(4, {kSmoke, "--set", "replay.alfa=1", "--set", "teacher.batch_size=-3"});
  ASSERT_EQ(job.Wait(30s), 2) << job.Output();
  const std::string output = job.Output();
  EXPECT_NE(output.find("replay.alfa=1: unknown key; did you mean 'alpha'?"), std::string::npos)
      << output;
  EXPECT_NE(output.find("teacher.batch_size"), std::string::npos) << output;
  EXPECT_EQ(output.find("replay.alfa"), output.rfind("replay.alfa")) << "said by one rank alone";
  EXPECT_FALSE(std::filesystem::exists(job.Directory() / "run"));
}

TEST(TrainTest, DeterministicRunsWriteTheSameBytes) {
  const std::vector<std::string> arguments{kSmoke, "--set", "run.deterministic=true", "--set",
                                           "stop.frames=3000"};
  RunningJob first(0, arguments);
  RunningJob second(0, arguments);
  ASSERT_EQ(first.Wait(60s), 0) << first.Output();
  ASSERT_EQ(second.Wait(60s), 0) << second.Output();
  for (const std::string file :
       {"progress.jsonl", "progress.log", "scoreboard.json", "scoreboard.jsonl", "config.yaml",
        "models/teacher.native", "models/small.native", "models/tiny.native"}) {
    EXPECT_FALSE(first.Text(file).empty()) << file;
    EXPECT_EQ(first.Text(file), second.Text(file)) << file;
  }
}

}  // namespace
}  // namespace stillhouse
