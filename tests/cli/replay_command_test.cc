#include "cli/replay_command.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "common/base/error.h"
#include "replay/log/direct_device.h"
#include "replay/log/posix_storage.h"
#include "replay/log/segment_log.h"
#include "tests/replay/chunk_maker.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

/// A run directory with two shards of 20 transitions each.
class ReplayCommandTest : public ::testing::Test {
 protected:
  ReplayCommandTest()
      : run_(fs::temp_directory_path() / fmt::format("stillhouse-replay-{}", getpid())) {
    fs::remove_all(run_);
    for (std::uint16_t shard = 0; shard < 2; ++shard) {
      replay::PosixStorage storage(run_ / fmt::format("replay/shard-{}", shard));
      replay::DirectDevice device(storage, false);
      replay::SegmentLogSettings settings;
      settings.shard = shard;
      settings.n_step = 3;
      settings.environment = replay::CounterSpec();
      replay::SegmentLog log(settings, device, {});
      for (std::uint64_t i = 0; i < 2; ++i) {
        const auto chunk = replay::MakeChunk(7U + shard, i + 1, i * 10, 10);
        log.Append(i * 10, 10, chunk.Encode(replay::CounterSpec()),
                   [] { return replay::WorkerSequences{}; });
      }
    }
  }
  ~ReplayCommandTest() override { fs::remove_all(run_); }

  int Run(ReplayOptions options) {
    out_.str("");
    options.directory = options.directory.empty() ? run_.string() : options.directory;
    return RunReplay(options, out_);
  }
  std::vector<json> Lines() const {
    std::vector<json> lines;
    std::istringstream in(out_.str());
    for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
    return lines;
  }
  void Damage(std::uint64_t at) const {
    std::fstream file(run_ / "replay/shard-1" / replay::SegmentName(1),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put('\x55');
  }

  fs::path run_;
  std::ostringstream out_;
};

TEST_F(ReplayCommandTest, InfoSaysWhatIsThereForPeopleAndPrograms) {
  EXPECT_EQ(Run({"info", "", false, false, 0}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("transitions    20"));
  EXPECT_THAT(out_.str(), HasSubstr("test/counter"));
  EXPECT_EQ(Run({"info", "", true, false, 0}), 0);
  const json info = json::parse(out_.str());
  ASSERT_EQ(info.size(), 2U);
  EXPECT_EQ(info[1]["next_item"], 20);
  EXPECT_EQ(info[1]["n_step"], 3);
}

TEST_F(ReplayCommandTest, TakesTheReplayFolderOrOneShardToo) {
  EXPECT_EQ(Run({"dump", (run_ / "replay").string(), false, false, 0}), 0);
  EXPECT_EQ(Lines().size(), 40U);
  EXPECT_EQ(Run({"dump", (run_ / "replay/shard-1").string(), false, false, 0}), 0);
  EXPECT_EQ(Lines().size(), 20U);
}

TEST_F(ReplayCommandTest, DumpsTransitionsAsJsonLines) {
  EXPECT_EQ(Run({"dump", "", false, false, 0}), 0);
  const auto lines = Lines();
  ASSERT_EQ(lines.size(), 40U);
  const json& fifth = lines[24];
  EXPECT_EQ(fifth["shard"], 1);
  EXPECT_EQ(fifth["handle"], 4);
  EXPECT_EQ(fifth["incarnation"], "0000000000000008");
  EXPECT_EQ(fifth["item"], 4);
  EXPECT_EQ(fifth["action"], 1);
  EXPECT_EQ(fifth["reward"], 1.0);
  EXPECT_EQ(fifth["terminated"], false);
  EXPECT_EQ(fifth["observation"], json::array({4.0}));
  EXPECT_EQ(fifth["next_observation"], json::array({5.0}));
  EXPECT_EQ(Run({"dump", "", false, true, 3}), 0);
  ASSERT_EQ(Lines().size(), 3U);
  EXPECT_EQ(Lines()[1]["observation"], "0000803f");
}

TEST_F(ReplayCommandTest, VerifyFindsDamageAndSaysWhere) {
  EXPECT_EQ(Run({"verify", "", false, false, 0}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("sound"));
  // The newest segment's end may be a record that is being written; its header may not be damaged.
  Damage(30);
  EXPECT_EQ(Run({"verify", "", false, false, 0}), 1);
  EXPECT_THAT(out_.str(), HasSubstr("DAMAGED"));
  EXPECT_THAT(out_.str(), HasSubstr("shard-1"));
}

TEST_F(ReplayCommandTest, AnUnfinishedEndIsNoDamage) {
  const fs::path segment = run_ / "replay/shard-0" / replay::SegmentName(1);
  fs::resize_file(segment, fs::file_size(segment) - 5);
  EXPECT_EQ(Run({"verify", "", false, false, 0}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("unfinished record"));
}

TEST_F(ReplayCommandTest, WhereNothingIsStoredItSaysWhatWasExpected) {
  EXPECT_THROW(Run({"info", (run_ / "none").string(), false, false, 0}), ConfigError);
  fs::create_directories(run_ / "empty");
  try {
    Run({"info", (run_ / "empty").string(), false, false, 0});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("replay.durability"));
  }
}

}  // namespace
}  // namespace stillhouse::cli
