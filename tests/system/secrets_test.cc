// The job's token: in one file of mode 0600, and nowhere that others can look.
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/running_job.h"

namespace stillhouse {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using testing_support::DescendantsOf;
using testing_support::RunningJob;

std::string ReadText(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> LongRun() {
  return {STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml",
          "--set",
          "stop.frames=none",
          "--set",
          "stop.time=30s",
          "--set",
          "monitor.log_every=200ms",
          "--verbose"};
}

bool OthersMayRead(const fs::path& file) {
  const auto others = fs::perms::group_read | fs::perms::others_read;
  return (fs::status(file).permissions() & others) != fs::perms::none;
}

/// Files of the run that others may read; the token is in none of them.
int ExpectNotInFiles(const fs::path& run, const std::string& token) {
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(run)) {
    std::error_code gone;  // files are replaced while we look
    if (!entry.is_regular_file(gone) || !OthersMayRead(entry.path())) continue;
    ++files;
    EXPECT_THAT(ReadText(entry.path()), Not(HasSubstr(token))) << entry.path();
  }
  return files;
}

/// What `ps` and `ps e` show.
int ExpectNotInProcesses(const std::vector<pid_t>& processes, const std::string& token) {
  int looked = 0;
  for (const pid_t pid : processes) {
    const std::string proc = "/proc/" + std::to_string(pid);
    looked += ReadText(proc + "/cmdline").empty() ? 0 : 1;
    for (const char* file : {"/cmdline", "/environ"}) {
      EXPECT_EQ(ReadText(proc + file).find(token), std::string::npos)
          << ReadText(proc + "/comm") << proc << file << " shows the token";
    }
  }
  return looked;
}

bool HasFrames(const nlohmann::json& line) { return line["frames"] > 0; }

TEST(SecretsTest, TheTokenOfARunIsInItsFileAlone) {
  RunningJob job(3, LongRun());
  ASSERT_TRUE(job.WaitForProgress(60s, HasFrames)) << job.Output();
  const fs::path run = job.Directory() / "run";
  std::string token = ReadText(run / "token");
  token.pop_back();
  ASSERT_GE(token.size(), 16U);
  EXPECT_FALSE(OthersMayRead(run / "token"));
  EXPECT_GE(ExpectNotInFiles(run, token), 4);
  // The test's descendants: mpirun, three ranks, a worker at least.
  EXPECT_GE(ExpectNotInProcesses(DescendantsOf(getpid()), token), 5);
  job.KillAll();
  EXPECT_THAT(job.Output(), Not(HasSubstr(token)));
  ExpectNotInFiles(run, token);
}

TEST(SecretsTest, ATokenGivenAsAnArgumentIsHiddenByTheProgramAndComplainedOf) {
  const std::string token = "a-word-nobody-else-says";
  auto arguments = LongRun();
  arguments.insert(arguments.end(), {"--set", "run.token=" + token});
  RunningJob job(0, arguments);
  ASSERT_TRUE(job.WaitForProgress(60s, HasFrames)) << job.Output();
  const fs::path run = job.Directory() / "run";
  EXPECT_EQ(ReadText(run / "token"), token + "\n");
  EXPECT_FALSE(OthersMayRead(run / "config.yaml")) << "it may hold the token";
  ExpectNotInFiles(run, token);
  EXPECT_GE(ExpectNotInProcesses(DescendantsOf(getpid()), token), 2);
  job.KillAll();
  EXPECT_THAT(job.Output(), Not(HasSubstr(token)));
  EXPECT_THAT(job.Output(), HasSubstr("run.token was an argument"));
}

}  // namespace
}  // namespace stillhouse
