// Checkpoints that cannot be resumed from: status 2, one message that says which and why, and the
// run's directory as it was.

#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/command.h"

namespace stillhouse {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing_support::Command;
using testing_support::ScratchDirectory;
using testing_support::Stillhouse;

const std::string kSmoke = STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml";

class BadCheckpointTest : public ::testing::Test {
 protected:
  /// A preempted run with a few checkpoints, made once.
  static void SetUpTestSuite() {
    made = std::make_unique<ScratchDirectory>();
    const fs::path run = made->Path() / "run";
    Command job(Stillhouse({"train", kSmoke, "--run-dir", run.string(), "--set",
                            "checkpoint.every=300ms", "--set", "stop.frames=none", "--set",
                            "stop.time=60s", "--set", "monitor.log_every=200ms"}));
    for (int i = 0; i < 600 && CheckpointsOf(run).size() < 3; ++i) {
      std::this_thread::sleep_for(50ms);
    }
    job.Signal(SIGUSR1);
    ASSERT_EQ(job.Wait(40s), 75) << job.Output();
    ASSERT_GE(CheckpointsOf(run).size(), 2U);
  }
  static void TearDownTestSuite() { made.reset(); }

  void SetUp() override {
    ASSERT_TRUE(fs::exists(made->Path() / "run"));
    fs::copy(made->Path() / "run", run, fs::copy_options::recursive);
  }

  static std::vector<fs::path> CheckpointsOf(const fs::path& run) {
    std::vector<fs::path> found;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(run / "checkpoints", error)) {
      if (fs::exists(entry.path() / "MANIFEST.json", error)) found.push_back(entry.path());
    }
    return found;
  }
  std::map<std::string, std::string> Snapshot() const {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(scratch.Path())) {
      std::stringstream text;
      if (entry.is_regular_file()) text << std::ifstream(entry.path()).rdbuf();
      files[entry.path().string()] = text.str();
    }
    return files;
  }
  /// Every file of a checkpoint but its manifest.
  static std::vector<fs::path> PartsOf(const fs::path& checkpoint) {
    std::vector<fs::path> parts;
    for (const auto& entry : fs::directory_iterator(checkpoint)) {
      if (entry.path().filename() != "MANIFEST.json") parts.push_back(entry.path());
    }
    return parts;
  }
  static void Truncate(const fs::path& file) { fs::resize_file(file, fs::file_size(file) / 2); }
  static void Corrupt(const fs::path& file) {
    std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekg(static_cast<std::streamoff>(fs::file_size(file) / 2));
    const char byte = static_cast<char>(bytes.peek() ^ 0x40);
    bytes.seekp(static_cast<std::streamoff>(fs::file_size(file) / 2));
    bytes.put(byte);
  }
  std::string Refused(const std::string& resume) {
    const auto before = Snapshot();
    Command job(Stillhouse({"train", kSmoke, "--run-dir", run.string(), "--resume", resume}));
    EXPECT_EQ(job.Wait(30s), 2) << job.Output();
    EXPECT_EQ(Snapshot(), before) << "something was stored or lost";
    return job.Output();
  }

  static std::unique_ptr<ScratchDirectory> made;
  const ScratchDirectory scratch;
  const fs::path run = scratch.Path() / "run";
};

std::unique_ptr<ScratchDirectory> BadCheckpointTest::made;

TEST_F(BadCheckpointTest, WhenNoneIsWholeTheRunDoesNotStartAfreshByItself) {
  const auto checkpoints = CheckpointsOf(run);
  Truncate(PartsOf(checkpoints[0]).at(0));
  for (std::size_t i = 1; i < checkpoints.size(); ++i) Corrupt(PartsOf(checkpoints[i]).at(0));
  const std::string text = Refused("auto");
  EXPECT_THAT(text, HasSubstr("none of its " + std::to_string(checkpoints.size())));
  for (const auto& checkpoint : checkpoints) {
    EXPECT_THAT(text, HasSubstr(checkpoint.filename().string() + "/"));
  }
  EXPECT_THAT(text, HasSubstr("--resume never"));
}

TEST_F(BadCheckpointTest, ANamedCheckpointThatIsCutShortIsRefused) {
  const auto checkpoint = CheckpointsOf(run).at(0);
  const auto part = PartsOf(checkpoint).at(0);
  Truncate(part);
  EXPECT_THAT(Refused(checkpoint.string()),
              AllOf(HasSubstr("--resume"), HasSubstr(part.filename().string())));
}

TEST_F(BadCheckpointTest, ANamedCheckpointThatIsCorruptIsRefused) {
  const auto checkpoint = CheckpointsOf(run).at(0);
  const auto part = PartsOf(checkpoint).at(0);
  Corrupt(part);
  EXPECT_THAT(Refused(checkpoint.string()),
              AllOf(HasSubstr("--resume"), HasSubstr(part.filename().string())));
}

TEST_F(BadCheckpointTest, ABrokenManifestIsRefused) {
  const auto checkpoint = CheckpointsOf(run).at(0);
  Truncate(checkpoint / "MANIFEST.json");
  EXPECT_THAT(Refused(checkpoint.string()),
              AllOf(HasSubstr("--resume"), HasSubstr("MANIFEST.json")));
}

TEST_F(BadCheckpointTest, ADirectoryThatIsNotThereIsNamed) {
  EXPECT_THAT(Refused((scratch.Path() / "nowhere").string()),
              AllOf(HasSubstr("nowhere"), HasSubstr("no such directory")));
}

}  // namespace
}  // namespace stillhouse
