#include "replay/log/segment_log.h"

#include <gmock/gmock.h>

#include "replay/log/scan.h"
#include "tests/replay/log/log_fixture.h"

namespace stillhouse::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(LogTest, AFullSegmentIsSyncedBeforeTheNextOneBegins) {
  Open();
  Append(7);
  EXPECT_THAT(storage.List(), ElementsAre(SegmentName(1), SegmentName(2), SegmentName(3)));
  EXPECT_EQ(storage.syncs[SegmentName(1)], 1);
  EXPECT_EQ(storage.syncs[SegmentName(2)], 1);
  EXPECT_EQ(storage.syncs[SegmentName(3)], 0);
}

TEST_F(LogTest, SegmentsGoWhenAllTheirItemsHaveLeftTheStore) {
  Open();
  Append(7);  // 30 + 30 + 10 items
  log->Retire(29);
  EXPECT_EQ(log->Segments(), 3U);
  log->Retire(30);
  EXPECT_THAT(storage.List(), ElementsAre(SegmentName(2), SegmentName(3)));
  log->Retire(70);
  EXPECT_THAT(storage.List(), ElementsAre(SegmentName(3))) << "the newest stays";
}

TEST_F(LogTest, SegmentsThatAnOlderCheckpointNeedsStay) {
  Open();
  log->KeepFrom(15);
  Append(7);
  log->Retire(70);
  EXPECT_EQ(log->Segments(), 3U);
  log->KeepFrom(60);
  log->Retire(70);
  EXPECT_THAT(storage.List(), ElementsAre(SegmentName(3)));
}

TEST_F(LogTest, OnlyTheNewestSnapshotsStayAndUnfinishedOnesDoNotCount) {
  Open();
  for (int i = 0; i < 3; ++i) {
    const auto name = log->BeginSnapshot();
    log->AppendSnapshot(name, {1, 2, 3});
    EXPECT_EQ(storage.files.count(name), 0U) << "not before it is whole";
    const auto position = log->FinishSnapshot(name);
    EXPECT_GE(log->Done(), position);
  }
  EXPECT_THAT(storage.List(), ElementsAre(SnapshotName(2), SnapshotName(3)));
}

TEST_F(LogTest, AFullDiskIsAnErrorAndNothingAfterItIsDone) {
  Open();
  Append(1);
  const auto done = log->Done();
  storage.room = 10;
  Append(1);
  storage.room = 1 << 20;
  Append(1);
  EXPECT_EQ(log->Done(), done);
  EXPECT_THROW(log->ThrowIfFailed(), StorageError);
  EXPECT_THAT(Recover().notes, IsEmpty());
  EXPECT_THAT(sink.sequences, ElementsAre(1));
}

TEST_F(LogTest, ALookFindsWhatIsThereAndEveryKindOfDamage) {
  Open();
  Append(7);
  std::vector<ItemHandle> seen;
  const auto look = [&] {
    seen.clear();
    return ScanLog(storage, [&](const SegmentHeader&, const ChunkView&, ItemHandle first) {
      seen.push_back(first);
    });
  };
  const auto sound = look();
  EXPECT_THAT(sound.errors, IsEmpty());
  EXPECT_EQ(sound.items, 70U);
  EXPECT_EQ(sound.workers, 1U);
  EXPECT_THAT(seen, ElementsAre(0, 10, 20, 30, 40, 50, 60));

  File(3).pop_back();
  const auto unfinished = look();
  EXPECT_THAT(unfinished.errors, IsEmpty()) << "a run may be writing it";
  EXPECT_TRUE(unfinished.segments.back().unfinished);
  EXPECT_EQ(unfinished.items, 60U);

  File(1)[File(1).size() / 2] ^= 1U;
  EXPECT_EQ(look().errors.size(), 2U) << "the damage, and the gap that it leaves";
  storage.files.erase(SegmentName(2));
  EXPECT_EQ(look().errors.size(), 2U);
}

TEST_F(LogTest, ALookFindsAChunkThatIsThereTwice) {
  Open();
  Append(1);
  --sequence;
  const auto bytes = MakeChunk(kWorker, 1, 0, kItems).Encode(CounterSpec());
  log->Append(kItems, kItems, bytes, [] { return WorkerSequences{}; });
  const auto findings = ScanLog(storage, {});
  ASSERT_EQ(findings.errors.size(), 1U);
  EXPECT_THAT(findings.errors[0], ::testing::HasSubstr("twice"));
}

}  // namespace
}  // namespace stillhouse::replay
