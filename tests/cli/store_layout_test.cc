#include "cli/store_layout.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/reshard.h"
#include "common/base/error.h"
#include "common/config/config_load.h"
#include "replay/log/direct_device.h"
#include "replay/log/log_settings.h"
#include "replay/log/posix_storage.h"
#include "replay/log/scan.h"
#include "tests/replay/chunk_maker.h"
#include "tests/support/command.h"

namespace stillhouse::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing_support::ScratchDirectory;

/// `replay` with shard folders that say which store they are of.
void MakeStore(const fs::path& folder, const std::string& name, bool whole) {
  fs::create_directories(folder);
  std::ofstream(folder / "name") << name;
  if (whole) WriteStoreLayout(folder, {2, 1, {}});
}

std::string NameOf(const fs::path& folder) {
  std::ifstream in(folder / "name");
  std::string name;
  std::getline(in, name);
  return name;
}

/// What a crash after each step of a swap leaves, and which store counts then.
struct Crash {
  const char* name;
  bool folder_is_old;  ///< <folder> is there, the old one
  bool folder_is_new;  ///< <folder> is there, the new one
  bool aside;          ///< <folder>.old is there
  int fresh;           ///< <folder>.new: 0 not there, 1 half written, 2 whole
  const char* counts;
};

class StoreSwapTest : public ::testing::TestWithParam<Crash> {};

TEST_P(StoreSwapTest, AfterACrashOneWholeStoreStandsAndIsTheOnlyOne) {
  const Crash& crash = GetParam();
  const ScratchDirectory scratch;
  const fs::path folder = scratch.Path() / "replay";
  if (crash.folder_is_old) MakeStore(folder, "old", true);
  if (crash.folder_is_new) MakeStore(folder, "new", true);
  if (crash.aside) MakeStore(folder.string() + ".old", "old", true);
  if (crash.fresh > 0) MakeStore(NewStoreFolder(folder), "new", crash.fresh == 2);
  EXPECT_EQ(NameOf(StandingStore(folder)), crash.counts) << "looked at before anything is changed";
  SettleStore(folder);
  EXPECT_EQ(NameOf(folder), crash.counts);
  EXPECT_EQ(StandingStore(folder), folder);
  EXPECT_FALSE(fs::exists(NewStoreFolder(folder)));
  EXPECT_FALSE(fs::exists(folder.string() + ".old"));
  SettleStore(folder);
  EXPECT_EQ(NameOf(folder), crash.counts);
}

INSTANTIATE_TEST_SUITE_P(
    Crashes, StoreSwapTest,
    ::testing::Values(Crash{"Before", true, false, false, 0, "old"},
                      Crash{"WhileItIsWritten", true, false, false, 1, "old"},
                      Crash{"WhenItIsWritten", true, false, false, 2, "old"},
                      Crash{"BetweenTheRenames", false, false, true, 2, "new"},
                      Crash{"AfterTheRenames", false, true, true, 0, "new"},
                      Crash{"AtTheEnd", false, true, false, 0, "new"},
                      Crash{"WithANewOneThatIsNotWhole", false, false, true, 1, "old"},
                      Crash{"WithTheNewOneLost", false, false, true, 0, "old"}),
    [](const auto& crash) { return crash.param.name; });

TEST(StoreLayoutTest, ASwapLeavesTheNewStoreAlone) {
  const ScratchDirectory scratch;
  const fs::path folder = scratch.Path() / "replay";
  MakeStore(folder, "old", true);
  MakeStore(NewStoreFolder(folder), "new", true);
  SwapInNewStore(folder);
  EXPECT_EQ(NameOf(folder), "new");
  EXPECT_FALSE(fs::exists(folder.string() + ".old"));
}

TEST(StoreLayoutTest, IsReadAsItWasWrittenAndNothingElseIsTaken) {
  const ScratchDirectory scratch;
  EXPECT_FALSE(ReadStoreLayout(scratch.Path()).has_value());
  WriteStoreLayout(scratch.Path() / "a", {3, 7, {10, 11, 12}});
  const auto layout = ReadStoreLayout(scratch.Path() / "a");
  ASSERT_TRUE(layout.has_value());
  EXPECT_EQ(layout->shards, 3);
  EXPECT_EQ(layout->attempt, 7U);
  EXPECT_THAT(layout->heads, ElementsAre(10U, 11U, 12U));
  for (const std::string text : {"", "{", "[]", R"({"format":2,"shards":2,"attempt":1,"heads":[]})",
                                 R"({"format":1,"shards":0,"attempt":1,"heads":[]})",
                                 R"({"format":1,"shards":2,"attempt":1,"heads":[1]})",
                                 R"({"format":1,"shards":"two","attempt":1,"heads":[]})"}) {
    scratch.Write("layout.json", text);
    EXPECT_THROW(ReadStoreLayout(scratch.Path()), StorageError) << text;
  }
}

// ---- dealing out ---------------------------------------------------------------------------

Job JobOf(std::uint16_t shards) {
  LoadOptions options;
  options.overrides = {"replay.shards=" + std::to_string(shards)};
  HostFacts host;
  host.name = "a";
  host.cores = 8;
  Job job = MakeJob(LoadConfig(STILLHOUSE_SOURCE_DIR "/configs/smoke.yaml", options),
                    std::vector<HostFacts>(2, host), "");
  job.environment = replay::CounterSpec();
  return job;
}

/// `chunks` of 8 items in the log of a shard; its part of a checkpoint at that moment.
replay::ShardState Fill(const fs::path& folder, std::uint16_t shard, std::uint64_t chunks) {
  replay::PosixStorage storage(folder / fmt::format("shard-{}", shard));
  replay::DirectDevice device(storage, false);
  replay::SegmentLog log(replay::LogSettingsOf(JobOf(2).config, shard, 2, replay::CounterSpec()),
                         device, replay::LogStart{});
  for (std::uint64_t i = 0; i < chunks; ++i) {
    const auto chunk =
        replay::MakeChunk(100U + shard, i + 1, i * 8, 8).Encode(replay::CounterSpec());
    log.Append(i * 8, 8, chunk, [] { return replay::WorkerSequences{}; });
  }
  replay::ShardState state;
  state.shard = shard;
  state.head = chunks * 8;
  state.file = "0000000001.pri";
  return state;
}

class DealOutTest : public ::testing::Test {
 protected:
  DealOutTest() {
    plan.folder = folder.string();
    plan.fresh = false;
    for (std::uint16_t shard = 0; shard < 2; ++shard) {
      plan.shard_parts[shard] = Fill(folder, shard, 30).Encode();
    }
  }
  ScratchDirectory scratch;
  fs::path folder = scratch.Path() / "replay";
  StorePlan plan;
};

TEST_F(DealOutTest, TheSameNumberOfShardsIsLeftAsItIs) {
  EXPECT_THAT(ShardsToDealOut(folder, JobOf(2), plan), IsEmpty());
  WriteStoreLayout(folder, {2, 1, {}});
  EXPECT_THAT(ShardsToDealOut(folder, JobOf(2), plan), IsEmpty());
  EXPECT_THAT(ShardsToDealOut(folder, JobOf(3), plan), ElementsAre(0, 1));
}

TEST_F(DealOutTest, AShardThatIsNotSeenIsRefusedWithWhatCanBeDone) {
  fs::remove_all(folder / "shard-1");
  try {
    ShardsToDealOut(folder, JobOf(3), plan);
    FAIL() << "half a store was taken for a whole one";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("that of shard 1 in"));
    EXPECT_THAT(error.what(), HasSubstr("resume with 2 shards"));
  }
}

TEST_F(DealOutTest, ThePlanIsThatOfTheNewStoreAfterwards) {
  const Job job = JobOf(3);
  plan.deal_out = ShardsToDealOut(folder, job, plan);
  const auto notes = DealOut(plan, job, 4);
  EXPECT_THAT(notes.back(), HasSubstr("60 chunks, 480 transitions"));
  EXPECT_THAT(plan.shard_parts, IsEmpty());
  EXPECT_THAT(plan.deal_out, IsEmpty());
  EXPECT_THAT(plan.heads, ElementsAre(160U, 160U, 160U));
  EXPECT_THAT(StoredShards(folder), ElementsAre(0, 1, 2));
  const auto layout = ReadStoreLayout(folder);
  ASSERT_TRUE(layout.has_value());
  EXPECT_EQ(layout->attempt, 4U);
  EXPECT_EQ(layout->heads, plan.heads);
  EXPECT_THAT(ShardsToDealOut(folder, job, plan), IsEmpty());
}

TEST_F(DealOutTest, OneThatFailsLeavesTheOldStore) {
  const Job job = JobOf(3);
  plan.deal_out = ShardsToDealOut(folder, job, plan);
  scratch.Write("replay.new", "a file is in the way");
  EXPECT_THROW(DealOut(plan, job, 4), StorageError);
  EXPECT_THAT(StoredShards(folder), ElementsAre(0, 1));
}

}  // namespace
}  // namespace stillhouse::cli
