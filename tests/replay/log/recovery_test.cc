#include "replay/log/recovery.h"

#include <cmath>
#include <cstring>
#include <limits>

#include <gmock/gmock.h>

#include "tests/replay/log/log_fixture.h"

namespace stillhouse::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(LogTest, AnEmptyFolderIsAnEmptyLog) {
  const auto recovered = Recover();
  EXPECT_TRUE(recovered.empty);
  EXPECT_EQ(recovered.start.next_segment, 1U);
  EXPECT_THAT(recovered.notes, IsEmpty());
}

TEST_F(LogTest, GivesBackEveryChunkInOrderAndGoesOnInANewSegment) {
  Open();
  Append(7);
  const auto recovered = Recover();
  EXPECT_THAT(sink.sequences, ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(sink.begin, 0U);
  EXPECT_EQ(recovered.head, 70U);
  EXPECT_EQ(recovered.items, 70U);
  EXPECT_THAT(recovered.sequences, ElementsAre(std::make_pair(kWorker, std::uint64_t{7})));
  EXPECT_THAT(recovered.notes, IsEmpty());
  Open(recovered.start);
  Append(1);
  EXPECT_EQ(log->Newest(), 4U);
  Recover();
  EXPECT_THAT(sink.sequences, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
}

TEST_F(LogTest, WhatWasRecoveredIsOnTheDiskBeforeAnythingNewerIs) {
  Open();
  Append(4);
  storage.syncs.clear();
  Recover();
  // A process died and left this in the page cache; the next loss of power must not take it.
  EXPECT_EQ(storage.syncs[SegmentName(2)], 1);
}

TEST_F(LogTest, RememberASequenceWhoseChunksHaveBeenRetired) {
  Open();
  Append(7);
  const auto other = MakeChunk(8, 1, 0, kItems).Encode(CounterSpec());
  log->Append(70, kItems, other, [] { return WorkerSequences{}; });
  ++sequence;  // handles go on
  log->Retire(60);
  const auto recovered = Recover();
  EXPECT_EQ(sink.begin, 60U);
  EXPECT_THAT(recovered.sequences, ElementsAre(std::make_pair(kWorker, std::uint64_t{7}),
                                               std::make_pair(std::uint64_t{8}, std::uint64_t{1})));
}

TEST_F(LogTest, CutsATornEndOffWhereverItIsTorn) {
  Open();
  Append(2);
  const auto whole = File(1);
  Append(1);
  const auto torn = File(1);
  for (std::size_t size = whole.size() + 1; size < torn.size(); ++size) {
    File(1).assign(torn.begin(), torn.begin() + static_cast<std::ptrdiff_t>(size));
    const auto recovered = Recover();
    ASSERT_THAT(sink.sequences, ElementsAre(1, 2)) << size;
    ASSERT_EQ(File(1), whole);
    ASSERT_EQ(recovered.notes.size(), 1U);
    EXPECT_THAT(recovered.notes[0], HasSubstr("cut off"));
  }
}

TEST_F(LogTest, ASegmentWhoseHeaderWasNeverWrittenIsRemoved) {
  Open();
  Append(3);
  storage.files[SegmentName(2)] = {'S', 'H'};
  const auto recovered = Recover();
  EXPECT_THAT(storage.List(), ElementsAre(SegmentName(1)));
  EXPECT_THAT(sink.sequences, ElementsAre(1, 2, 3));
  EXPECT_EQ(recovered.start.next_segment, 3U);
}

TEST_F(LogTest, UnfinishedFilesAreRemoved) {
  Open();
  Append(1);
  log->AppendSnapshot(log->BeginSnapshot(), {1});
  Recover();
  EXPECT_THAT(storage.List(), ElementsAre(SegmentName(1)));
}

TEST_F(LogTest, DamageInAnOlderSegmentCostsItAndWhatIsOlderAndIsSaid) {
  Open();
  Append(9);
  File(2)[File(2).size() - 3] ^= 0x10U;
  const auto recovered = Recover();
  EXPECT_THAT(sink.sequences, ElementsAre(7, 8, 9));
  EXPECT_EQ(sink.begin, 60U);
  EXPECT_EQ(recovered.items, 30U);
  EXPECT_EQ(recovered.head, 90U);
  EXPECT_EQ(storage.files.count(SegmentName(2) + ".damaged"), 1U);
  ASSERT_EQ(recovered.notes.size(), 2U);
  EXPECT_THAT(recovered.notes[0], HasSubstr("damaged"));
  EXPECT_THAT(recovered.notes[1], HasSubstr("30 older items are left out"));
}

TEST_F(LogTest, PrioritiesThatAreNoNumbersAreDamage) {
  for (const double bad : {std::nan(""), -1.0, std::numeric_limits<double>::infinity(), 1e300}) {
    Open();
    sequence = 0;
    Append(1);
    const double values[] = {0.6, bad};
    std::vector<std::uint8_t> body(sizeof(values));
    std::memcpy(body.data(), values, sizeof(values));
    AppendRecord(File(1), RecordKind::kPriorities, 0, body);
    const auto recovered = Recover();
    EXPECT_THAT(sink.sequences, ElementsAre(1)) << bad;
    EXPECT_THAT(sink.priorities, IsEmpty()) << bad;
    ASSERT_EQ(recovered.notes.size(), 1U) << bad;
    EXPECT_THAT(recovered.notes[0], HasSubstr("negative or not finite")) << bad;
    storage.files.clear();
  }
}

TEST_F(LogTest, WhatIsSetAsideIsNotTakenInPartEither) {
  Open();
  Append(6);
  File(2)[File(2).size() - 3] ^= 0x10U;  // its last chunk
  storage.files[SegmentName(3)] = std::vector<std::uint8_t>(30);
  const auto recovered = Recover();
  EXPECT_THAT(sink.sequences, ElementsAre(1, 2, 3));
  EXPECT_EQ(recovered.head, 30U);
  EXPECT_THAT(recovered.sequences, ElementsAre(std::make_pair(kWorker, std::uint64_t{5})));
  EXPECT_EQ(recovered.start.next_segment, 4U);
  const auto again = Recover();
  EXPECT_THAT(sink.sequences, ElementsAre(1, 2, 3));
  EXPECT_EQ(again.head, 30U);
  EXPECT_THAT(again.notes, IsEmpty());
}

TEST_F(LogTest, WhenTheOnlySegmentsAreSetAsideTheLogIsEmpty) {
  Open();
  Append(3);
  File(1)[File(1).size() - 3] ^= 0x10U;
  storage.files[SegmentName(2)] = std::vector<std::uint8_t>(30);
  const auto recovered = Recover();
  EXPECT_TRUE(recovered.empty);
  EXPECT_THAT(sink.sequences, IsEmpty());
  EXPECT_EQ(recovered.notes.size(), 2U);
}

TEST_F(LogTest, EveryFlippedBitOfARecordIsSeen) {
  Open();
  Append(1);
  const auto header =
      File(1).size() -
      (kRecordHeaderBytes + MakeChunk(kWorker, 1, 0, kItems).Encode(CounterSpec()).size());
  const auto good = File(1);
  for (std::size_t byte = header; byte < good.size(); ++byte) {
    File(1) = good;
    File(1)[byte] ^= static_cast<std::uint8_t>(1U << (byte % 8));
    Recover();
    ASSERT_THAT(sink.sequences, IsEmpty()) << byte;
  }
}

TEST_F(LogTest, ALostSegmentLeavesOutWhatIsOlder) {
  Open();
  Append(9);
  storage.files.erase(SegmentName(2));
  const auto recovered = Recover();
  EXPECT_THAT(sink.sequences, ElementsAre(7, 8, 9));
  EXPECT_EQ(recovered.notes.size(), 1U);
}

TEST_F(LogTest, AnotherEnvironmentNStepOrShardIsRefusedAndNothingChanges) {
  Open();
  Append(2);
  File(1).pop_back();
  const auto before = storage.files;
  auto settings = Recovery();
  settings.n_step = 5;
  EXPECT_THROW(RecoverLog(storage, settings, sink), StorageError);
  settings = Recovery();
  settings.environment.num_actions = 4;
  EXPECT_THAT(WhyUnfit(storage, settings), HasSubstr("4 actions"));
  EXPECT_THROW(RecoverLog(storage, settings, sink), StorageError);
  settings = Recovery();
  settings.shard = 0;
  EXPECT_THROW(RecoverLog(storage, settings, sink), StorageError);
  settings = Recovery();
  settings.expect_empty = true;
  EXPECT_THROW(RecoverLog(storage, settings, sink), StorageError);
  EXPECT_EQ(storage.files, before);
}

TEST_F(LogTest, ADeterministicRunIsCutBackToItsCheckpoint) {
  Open();
  Append(8);
  auto settings = Recovery();
  settings.cut_at = 40;
  const auto recovered = RecoverLog(storage, settings, sink);
  EXPECT_THAT(sink.sequences, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(recovered.head, 40U);
  EXPECT_THAT(storage.List(), ElementsAre(SegmentName(1), SegmentName(2)));
  Recover();
  EXPECT_THAT(sink.sequences, ElementsAre(1, 2, 3, 4)) << "what was cut off is gone";
}

TEST_F(LogTest, WhatIsWrittenAgainAfterACutHasTheNamesThatItHad) {
  Open();
  Append(8);  // three segments
  log->BeginSnapshot();
  log->FinishSnapshot(SnapshotName(1));
  log->BeginSnapshot();
  log->FinishSnapshot(SnapshotName(2));
  auto settings = Recovery();
  settings.cut_at = 30;  // exactly the end of the first segment
  settings.newest_snapshot = 1;
  const auto recovered = RecoverLog(storage, settings, sink);
  EXPECT_THAT(storage.List(), ElementsAre(SnapshotName(1), SegmentName(1)));
  EXPECT_EQ(recovered.start.next_segment, 2U);
  EXPECT_EQ(recovered.start.next_snapshot, 2U);
  EXPECT_EQ(recovered.head, 30U);
  settings.cut_at = 0;
  settings.newest_snapshot = 0;
  const auto nothing = RecoverLog(storage, settings, sink);
  EXPECT_TRUE(nothing.empty);
  EXPECT_EQ(nothing.start.next_segment, 1U);
  EXPECT_TRUE(storage.List().empty());
}

TEST_F(LogTest, SegmentsWhollyBelowWhatIsKeptGoBeforeAnythingIsRead) {
  Open();
  Append(9);  // items 0, 30, 60 begin segments
  auto settings = Recovery();
  settings.drop_below = 59;
  RecoverLog(storage, settings, sink);
  EXPECT_THAT(storage.List(), ElementsAre(SegmentName(2), SegmentName(3)));
  EXPECT_EQ(sink.begin, 30U);
  settings.drop_below = 1000;
  RecoverLog(storage, settings, sink);
  EXPECT_THAT(storage.List(), ElementsAre(SegmentName(3))) << "the newest stays";
}

TEST_F(LogTest, PrioritiesStandBesideTheirChunks) {
  Open();
  Append(1);
  ByteWriter body;
  body.Put(0.6);
  body.Put(2.5);
  std::vector<std::uint8_t> record;
  AppendRecord(record, RecordKind::kPriorities, 4, body.Take());
  storage.Append(SegmentName(1), record);
  Recover();
  EXPECT_THAT(sink.priorities, ElementsAre(2.5));
}

}  // namespace
}  // namespace stillhouse::replay
