// A shard that keeps a log: what it acknowledges and when, and what it recovers.
#include <gmock/gmock.h>

#include "common/messages/checkpoint.h"
#include "replay/priority.h"
#include "tests/replay/log/memory_storage.h"
#include "tests/replay/shard_fixture.h"

namespace stillhouse::replay {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ShardLogTest : public ::testing::Test {
 protected:
  ShardLogTest() {
    settings_.index = 1;
    settings_.shards = 2;
    settings_.config.replay.capacity = 200;
    settings_.config.replay.n_step = 3;
    settings_.config.replay.alpha = 1;
    settings_.config.replay.durability = Durability::kAsync;
    settings_.config.actors.chunk_steps = 32;
    settings_.environment = CounterSpec();
    settings_.token = "secret";
    Start();
  }
  /// As after a kill -9: what the device has not done is lost.
  void Start() {
    workers_ = {};
    cluster_ = {};
    device_.emplace(storage_);
    shard_.emplace(settings_, workers_, ShardDisk{&storage_, &*device_});
    Tell(InsertGrant{1000000});
  }
  template <typename Body>
  void Tell(const Body& body) {
    ByteWriter writer;
    body.Encode(writer);
    shard_->Handle({kCoordinatorAddress, shard_->Address(), Body::kKind, writer.Take()}, now_,
                   cluster_);
  }
  void Connect(std::uint64_t connection) {
    shard_->OnConnect(ConnectionId(connection), now_);
    Hello hello;
    hello.token = "secret";
    hello.incarnation = 7;
    hello.environment = CounterSpec();
    ByteWriter writer;
    hello.Encode(writer);
    shard_->OnFrame(ConnectionId(connection), FrameKind::kHello, writer.Take(), now_, cluster_);
  }
  void SendChunk(std::uint64_t connection, std::uint64_t sequence, float td = 1) {
    shard_->OnFrame(ConnectionId(connection), FrameKind::kChunk,
                    MakeChunk(7, sequence, sequence * 10, 10, 3, td).Encode(CounterSpec()), now_,
                    cluster_);
  }
  void Tick() {
    now_ += 10ms;
    shard_->Tick(now_, cluster_);
  }
  std::uint64_t WelcomeSequence(std::uint64_t connection) const {
    return workers_.All<Welcome>(connection, FrameKind::kWelcome).back().last_sequence;
  }
  /// Takes a checkpoint whole; the shard goes on from it at the next Start.
  void Checkpoint() {
    Tell(CheckpointRequest{1});
    Tick();
    device_->DoAll();
    Tick();
    const auto parts = cluster_.All<ShardPart>();
    ASSERT_FALSE(parts.empty());
    settings_.resume = ShardState::Decode(parts.back().bytes);
  }

  ShardSettings settings_;
  MemoryStorage storage_;
  std::optional<LazyDevice> device_;
  WorkerRecorder workers_;
  ClusterRecorder cluster_;
  std::optional<Shard> shard_;
  Time now_{};
};

TEST_F(ShardLogTest, AcknowledgesNothingBeforeItIsWritten) {
  Connect(1);
  SendChunk(1, 1);
  SendChunk(1, 2);
  Tick();
  EXPECT_EQ(shard_->Store().Size(), 20U) << "it can be sampled";
  EXPECT_THAT(workers_.Acks(1), IsEmpty());
  device_->DoAll();
  shard_->Settle();
  EXPECT_THAT(workers_.Acks(1), ElementsAre(2));
}

TEST_F(ShardLogTest, AWorkerThatReturnsIsToldOnlyWhatIsWritten) {
  Connect(1);
  SendChunk(1, 1);
  device_->DoAll();
  SendChunk(1, 2);
  Tick();
  shard_->OnDisconnect(ConnectionId(1), now_);
  Connect(2);
  EXPECT_EQ(WelcomeSequence(2), 1U);
  SendChunk(2, 2);  // again: it is stored, but not written
  EXPECT_THAT(workers_.Acks(2), IsEmpty());
  device_->DoAll();
  Tick();
  EXPECT_THAT(workers_.Acks(2), ElementsAre(2));
  EXPECT_EQ(shard_->Store().Inserted(), 20U) << "once";
}

TEST_F(ShardLogTest, ADiskThatRefusesFailsTheShardAndAcknowledgesNothing) {
  Connect(1);
  storage_.room = 100;
  SendChunk(1, 1);
  device_->DoAll();
  EXPECT_THROW(Tick(), StorageError);
  EXPECT_THAT(workers_.Acks(1), IsEmpty());
}

TEST_F(ShardLogTest, GoesOnWithEveryWrittenChunkAndItsWorkers) {
  Connect(1);
  for (std::uint64_t i = 1; i <= 4; ++i) SendChunk(1, i);
  device_->DoAll();
  SendChunk(1, 5);
  Start();
  EXPECT_EQ(shard_->Store().Size(), 40U);
  EXPECT_EQ(shard_->Store().Inserted(), 40U);
  Connect(1);
  EXPECT_EQ(WelcomeSequence(1), 4U);
  SendChunk(1, 5);
  EXPECT_EQ(shard_->Store().Inserted(), 50U);
  EXPECT_EQ(FloatAt(shard_->Store().At(45).observation), 55.0F);
}

TEST_F(ShardLogTest, TheStoreAndTheDiskAreBothBounded) {
  Connect(1);
  for (std::uint64_t i = 1; i <= 1000; ++i) SendChunk(1, i);
  device_->DoAll();
  EXPECT_EQ(shard_->Store().Size(), 100U);
  std::size_t bytes = 0;
  for (const auto& [name, file] : storage_.files) bytes += file.size();
  const std::size_t chunk = MakeChunk(7, 1, 0, 10).Encode(CounterSpec()).size() + 20;
  // The store's ten chunks, and at most two segments of 1024 items more.
  EXPECT_LE(bytes, (10 + 2 * 104) * chunk);
  Start();
  EXPECT_EQ(shard_->Store().Size(), 100U);
  EXPECT_EQ(shard_->Store().Inserted(), 10000U);
}

TEST_F(ShardLogTest, PrioritiesAreThoseOfTheCheckpointAndLaterOnesTheInitialOnes) {
  Connect(1);
  SendChunk(1, 1);
  SendChunk(1, 2);
  Tell(PriorityUpdate{{3, 15}, {9, 4}});
  Checkpoint();
  Tell(PriorityUpdate{{4}, {77}});
  SendChunk(1, 3, 5);
  Tell(PriorityUpdate{{25}, {50}});
  device_->DoAll();
  Start();
  const double epsilon = settings_.config.replay.priority_epsilon;
  const auto priority = [&](std::size_t slot) { return shard_->Store().Tree().Get(slot); };
  EXPECT_EQ(priority(3), Priority(9, 1, epsilon));
  EXPECT_EQ(priority(15), Priority(4, 1, epsilon));
  EXPECT_EQ(priority(4), Priority(1, 1, epsilon)) << "changed after the checkpoint";
  EXPECT_EQ(priority(25), Priority(5, 1, epsilon)) << "came after the checkpoint";
}

TEST_F(ShardLogTest, PrioritiesFollowAChangedExponent) {
  Connect(1);
  SendChunk(1, 1);
  Tell(PriorityUpdate{{3}, {9}});
  Checkpoint();
  settings_.config.replay.alpha = 0.5;
  Start();
  EXPECT_NEAR(shard_->Store().Tree().Get(3), 3, 1e-6);
}

TEST_F(ShardLogTest, PrioritiesThatAreDamagedAreLeftOutAndTheLogSaysSo) {
  Connect(1);
  SendChunk(1, 1);
  Tell(PriorityUpdate{{3}, {9}});
  Checkpoint();
  storage_.files.at(settings_.resume->file)[40] ^= 1U;
  Start();
  EXPECT_NEAR(shard_->Store().Tree().Get(3), 1, 1e-5);
  const auto notes = shard_->TakeNotes();
  ASSERT_THAT(notes, SizeIs(1));
  EXPECT_THAT(notes[0], HasSubstr("initial priorities"));
}

TEST_F(ShardLogTest, ASmallerStoreKeepsTheNewestItems) {
  Connect(1);
  for (std::uint64_t i = 1; i <= 10; ++i) SendChunk(1, i);
  Checkpoint();
  settings_.config.replay.capacity = 60;
  Start();
  EXPECT_EQ(shard_->Store().Size(), 30U);
  EXPECT_EQ(shard_->Store().Inserted(), 100U);
  EXPECT_EQ(shard_->Store().Tail(), 70U);
  settings_.config.replay.capacity = 400;
  Start();
  Connect(1);
  for (std::uint64_t i = 11; i <= 20; ++i) SendChunk(1, i);
  EXPECT_EQ(shard_->Store().Inserted(), 200U);
  EXPECT_EQ(FloatAt(shard_->Store().At(199).observation), 209.0F);
}

TEST_F(ShardLogTest, ACheckpointStopsNeitherInsertsNorSamples) {
  settings_.config.replay.capacity = 400000;
  Start();
  Connect(1);
  for (std::uint64_t i = 1; i <= 4000; ++i) SendChunk(1, i);
  Tell(CheckpointRequest{5});
  int ticks = 0;
  while (cluster_.All<ShardPart>().empty()) {
    ASSERT_LT(++ticks, 100);
    SendChunk(1, 4000U + static_cast<std::uint64_t>(ticks));
    Tell(SampleRequest{1, shard_->Store().Totals().mass, {0.5}});
    Tick();
    device_->DoAll();
  }
  EXPECT_GE(ticks, 3) << "in slices";
  EXPECT_EQ(cluster_.All<SampleReply>().size(), static_cast<std::size_t>(ticks));
  const auto state = ShardState::Decode(cluster_.All<ShardPart>()[0].bytes);
  EXPECT_EQ(state.head, 40000U) << "of the moment in which it was asked for";
}

TEST_F(ShardLogTest, WithoutAnythingLeftItCountsOnFromTheCheckpoint) {
  settings_.first_handle = 1234;
  Start();
  EXPECT_EQ(shard_->Store().Inserted(), 1234U);
  EXPECT_EQ(shard_->Store().Size(), 0U);
  Connect(1);
  SendChunk(1, 1);
  EXPECT_EQ(FloatAt(shard_->Store().At(1234).observation), 10.0F);
}

}  // namespace
}  // namespace stillhouse::replay
