#include "common/run/run_directory.h"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/run/atomic_file.h"

namespace stillhouse {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RunDirectoryTest : public testing::Test {
 protected:
  RunDirectoryTest() {
    root_ = fs::path(testing::TempDir()) /
            fmt::format("run_directory_{}_{}", getpid(),
                        testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(root_);
  }
  ~RunDirectoryTest() override { fs::remove_all(root_); }

  fs::path Run() const { return root_ / "deep" / "breakout"; }
  static unsigned Mode(const fs::path& file) {
    struct stat status {};
    EXPECT_EQ(::stat(file.c_str(), &status), 0) << file;
    return status.st_mode & 0777U;
  }
  static nlohmann::json Json(const fs::path& file) { return nlohmann::json::parse(ReadFile(file)); }

  fs::path root_;
};

TEST_F(RunDirectoryTest, MakesEverythingItNeedsAndSaysRunning) {
  const auto run = RunDirectory::Create(Run(), "");
  EXPECT_FALSE(run.MovedAside());
  EXPECT_EQ(run.Token().size(), 32U);
  EXPECT_EQ(Json(Run() / "status.json")["status"], "running");
  EXPECT_TRUE(Json(Run() / "status.json")["exit_status"].is_null());
}

TEST_F(RunDirectoryTest, KeepsTheTokenFromOthers) {
  const auto run = RunDirectory::Create(Run(), "");
  EXPECT_EQ(Mode(Run() / "token"), 0600U);
  run.WriteConfig("a: 1\n");
  EXPECT_EQ(Mode(Run() / "config.yaml"), 0644U);
}

TEST_F(RunDirectoryTest, AChosenTokenStandsInTheConfigWhichIsThenSecretToo) {
  const auto run = RunDirectory::Create(Run(), "chosen");
  EXPECT_EQ(run.Token(), "chosen");
  run.WriteConfig("run: {token: chosen}\n");
  EXPECT_EQ(Mode(Run() / "config.yaml"), 0600U);
}

TEST_F(RunDirectoryTest, TwoRunsHaveTwoTokens) {
  const auto one = RunDirectory::Create(root_ / "a", "");
  const auto two = RunDirectory::Create(root_ / "b", "");
  EXPECT_NE(one.Token(), two.Token());
}

TEST_F(RunDirectoryTest, RefusesADirectoryThatAnotherJobHoldsAndChangesNothing) {
  const auto run = RunDirectory::Create(Run(), "first");
  try {
    RunDirectory::Create(Run(), "second");
    FAIL() << "two jobs in one directory";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("another job"));
  }
  EXPECT_EQ(ReadFile(Run() / "token"), "first\n");
  EXPECT_FALSE(fs::exists(Run().string() + ".1"));
}

TEST_F(RunDirectoryTest, MovesAnEarlierRunAsideAndDeletesNothing) {
  for (int n = 0; n < 3; ++n) {
    const auto run = RunDirectory::Create(Run().string() + "/", fmt::format("run{}", n));
    run.WriteStatus(RunState::kDone, "frames", 0);
    if (n == 0) continue;
    ASSERT_TRUE(run.MovedAside());
    EXPECT_EQ(run.MovedAside()->string(), fmt::format("{}.{}", Run().string(), n));
  }
  EXPECT_EQ(ReadFile(Run().string() + ".1/token"), "run0\n");
  EXPECT_EQ(ReadFile(Run().string() + ".2/token"), "run1\n");
  EXPECT_EQ(ReadFile(Run() / "token"), "run2\n");
}

TEST_F(RunDirectoryTest, NeverTouchesADirectoryThatIsNotARuns) {
  fs::create_directories(Run());
  AppendLine(Run() / "thesis.tex", "x");
  EXPECT_THROW(RunDirectory::Create(Run(), ""), ConfigError);
  EXPECT_TRUE(fs::exists(Run() / "thesis.tex"));
  AppendLine(root_ / "file", "x");
  EXPECT_THROW(RunDirectory::Create(root_ / "file", ""), ConfigError);
}

TEST_F(RunDirectoryTest, AnEmptyDirectoryIsTaken) {
  fs::create_directories(Run());
  EXPECT_FALSE(RunDirectory::Create(Run(), "").MovedAside());
}

TEST_F(RunDirectoryTest, StatusSaysHowItEnded) {
  const auto run = RunDirectory::Create(Run(), "");
  run.WriteStatus(RunState::kFailed, "shard 1: disk full", 1);
  const auto json = Json(Run() / "status.json");
  EXPECT_EQ(json["status"], "failed");
  EXPECT_EQ(json["reason"], "shard 1: disk full");
  EXPECT_EQ(json["exit_status"], 1);
}

TEST_F(RunDirectoryTest, AppendsOneLineAReport) {
  const auto run = RunDirectory::Create(Run(), "");
  ProgressRecord record;
  for (record.frames = 1; record.frames <= 3; ++record.frames) run.AppendProgress(record);
  std::istringstream lines(ReadFile(Run() / "progress.jsonl"));
  std::string line;
  int count = 0;
  while (std::getline(lines, line)) EXPECT_EQ(nlohmann::json::parse(line)["frames"], ++count);
  EXPECT_EQ(count, 3);
}

TEST_F(RunDirectoryTest, ReplacesTheScoreboardAndKeepsItsHistory) {
  const auto run = RunDirectory::Create(Run(), "");
  Scoreboard board;
  board.updates = 1;
  run.WriteScoreboard(board);
  board.updates = 2;
  run.WriteScoreboard(board);
  EXPECT_EQ(Json(Run() / "scoreboard.json")["updates"], 2);
  const std::string history = ReadFile(Run() / "scoreboard.jsonl");
  EXPECT_EQ(std::count(history.begin(), history.end(), '\n'), 2);
  EXPECT_FALSE(fs::exists(Run() / "scoreboard.json.tmp"));
}

TEST_F(RunDirectoryTest, EndpointsAreReadBackWithTheToken) {
  const auto run = RunDirectory::Create(Run(), "secret");
  run.WriteEndpoints({"10.0.0.1:99", "10.0.0.2:98"});
  const RunEndpoints endpoints = ReadRunEndpoints(Run());
  EXPECT_EQ(endpoints.shards, (std::vector<std::string>{"10.0.0.1:99", "10.0.0.2:98"}));
  EXPECT_EQ(endpoints.token, "secret");
}

TEST_F(RunDirectoryTest, EndpointsThatAreMissingOrGarbageAreClearErrors) {
  EXPECT_THROW(ReadRunEndpoints(root_), StorageError);
  for (const char* text : {"", "{", "[]", "{\"shards\": []}", "{\"shards\": [1]}"}) {
    ReplaceFile(root_ / "endpoints.json", text);
    EXPECT_THROW(ReadRunEndpoints(root_), WireError) << text;
  }
}

TEST_F(RunDirectoryTest, WritesModelsUnderTheirNames) {
  const auto run = RunDirectory::Create(Run(), "");
  const std::vector<std::uint8_t> bytes = {1, 2, 3};
  EXPECT_EQ(run.WriteModel("small", bytes), Run() / "models" / "small.native");
  EXPECT_EQ(ReadFile(Run() / "models" / "small.native"), "\x01\x02\x03");
  EXPECT_THROW(run.WriteModel("../small", bytes), StorageError);
  EXPECT_THROW(run.WriteModel("", bytes), StorageError);
}

TEST_F(RunDirectoryTest, AFullDiskIsAStorageErrorThatNamesTheFile) {
  const auto run = RunDirectory::Create(Run(), "");
  fs::create_symlink("/dev/full", Run() / "progress.jsonl");
  try {
    run.AppendProgress({});
    FAIL() << "wrote to a full disk";
  } catch (const StorageError& error) {
    EXPECT_THAT(error.what(), HasSubstr("progress.jsonl: cannot write: No space left"));
  }
}

TEST_F(RunDirectoryTest, APlaceThatCannotBeWrittenIsAStorageError) {
  EXPECT_THROW(RunDirectory::Create("/proc/stillhouse/run", ""), StorageError);
}

TEST_F(RunDirectoryTest, TheLockGoesWithTheObject) {
  { const auto run = RunDirectory::Create(Run(), ""); }
  EXPECT_TRUE(RunDirectory::Create(Run(), "").MovedAside());
}

TEST_F(RunDirectoryTest, AFailedReplacementLeavesTheOldFile) {
  ReplaceFile(root_ / "a", "old");
  fs::create_directory(root_ / "a.tmp");  // in the way of the new one
  EXPECT_THROW(ReplaceFile(root_ / "a", "new"), StorageError);
  EXPECT_EQ(ReadFile(root_ / "a"), "old");
}

}  // namespace
}  // namespace stillhouse
