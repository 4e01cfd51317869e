#include "common/telemetry/log.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

class LogTest : public testing::Test {
 protected:
  LogTest()
      : path_(std::filesystem::path(testing::TempDir()) /
              fmt::format("log_test_{}_{}.log", getpid(),
                          testing::UnitTest::GetInstance()->current_test_info()->name())) {}
  ~LogTest() override { std::filesystem::remove(path_); }

  std::string Written() const {
    std::ifstream file(path_);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::filesystem::path path_;
};

TEST_F(LogTest, WritesTimeLevelPrefixAndText) {
  Log log({.prefix = "rank 3 shard 1", .file = path_.string(), .to_stderr = false});
  log.Warning("chunk {} resent", 71);
  log.Flush();
  EXPECT_THAT(Written(),
              testing::MatchesRegex(
                  "[0-9]+:[0-9]+:[0-9]+.[0-9]+ W \\[rank 3 shard 1\\] chunk 71 resent\n"));
}

TEST_F(LogTest, DropsWhatIsBelowItsLevel) {
  Log log({.level = LogLevel::kWarning, .file = path_.string(), .to_stderr = false});
  log.Debug("a");
  log.Info("b");
  log.Error("c");
  log.Fatal("d");
  log.Flush();
  EXPECT_EQ(Written().find(" b"), std::string::npos);
  EXPECT_NE(Written().find("E c"), std::string::npos);
  EXPECT_NE(Written().find("FATAL d"), std::string::npos);
}

TEST_F(LogTest, TakesTextWithBracesAndPercentSignsAsItIs) {
  Log log({.file = path_.string(), .to_stderr = false});
  log.Write(LogLevel::kInfo, "{} %v %d");
  log.Flush();
  EXPECT_NE(Written().find("{} %v %d"), std::string::npos);
}

TEST_F(LogTest, TwoLogsInOneProcessDoNotShareTheirPrefix) {
  Log one({.prefix = "one", .file = path_.string(), .to_stderr = false});
  Log two({.prefix = "two", .file = path_.string(), .to_stderr = false});
  one.Warning("x");
  two.Warning("y");
  EXPECT_NE(Written().find("[one] x"), std::string::npos);
  EXPECT_NE(Written().find("[two] y"), std::string::npos);
}

TEST_F(LogTest, AFileThatCannotBeOpenedIsAStorageError) {
  EXPECT_THROW(Log({.file = "/dev/null/x.log", .to_stderr = false}), StorageError);
}

}  // namespace
}  // namespace stillhouse
