#include <gmock/gmock.h>

#include "tests/replay/shard_fixture.h"

namespace stillhouse::replay {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(ShardTest, GreetsAWorkerThatKnowsTheToken) {
  Connect(1);
  const auto welcome = workers.All<Welcome>(1, FrameKind::kWelcome);
  ASSERT_EQ(welcome.size(), 1U);
  EXPECT_EQ(welcome[0].shard, 1U);
  EXPECT_EQ(welcome[0].shards, 2U);
  EXPECT_EQ(welcome[0].config, "run: {}");
  EXPECT_EQ(welcome[0].last_sequence, 0U);
}

TEST_F(ShardTest, RefusesAWrongTokenBeforeItReadsAnythingElse) {
  shard.OnConnect(ConnectionId(1), now);
  ByteWriter hello;
  hello.PutString("Secret");
  hello.PutString("and then nonsense");
  shard.OnFrame(ConnectionId(1), FrameKind::kHello, hello.Take(), now, cluster);
  EXPECT_EQ(workers.Count(1, FrameKind::kRefused), 1U);
  EXPECT_EQ(workers.closed.at(1), "wrong token");
  SayHello(1);  // too late
  EXPECT_EQ(workers.Count(1, FrameKind::kWelcome), 0U);
}

TEST_F(ShardTest, RefusesAnotherEnvironmentAndNamesBothShapes) {
  EnvironmentSpec other = CounterSpec();
  other.observation = {ElementKind::kBits, {4, 10, 10}};
  shard.OnConnect(ConnectionId(1), now);
  SayHello(1, kWorker, true, other);
  EXPECT_EQ(workers.Count(1, FrameKind::kRefused), 1U);
  EXPECT_THAT(workers.closed.at(1), HasSubstr("bits[4,10,10]"));
  EXPECT_THAT(workers.closed.at(1), HasSubstr(CounterSpec().observation.ToString()));
}

TEST_F(ShardTest, AFirstContactGetsTheConfigurationButMayNotSendChunks) {
  Grant(1000);
  shard.OnConnect(ConnectionId(1), now);
  SayHello(1, kWorker, true, EnvironmentSpec{});
  EXPECT_EQ(workers.Count(1, FrameKind::kWelcome), 1U);
  SayHello(1);
  EXPECT_EQ(workers.Count(1, FrameKind::kWelcome), 2U);
  SendChunk(1, 1);
  EXPECT_THAT(workers.Acks(1), ElementsAre(1));

  shard.OnConnect(ConnectionId(2), now);
  SayHello(2, 77, true, EnvironmentSpec{});
  SendChunk(2, 1, 10, 77);
  EXPECT_EQ(workers.closed.count(2), 1U);
  EXPECT_EQ(shard.Store().Inserted(), 10U);
}

TEST_F(ShardTest, StoresAChunkOnceHoweverOftenItIsSent) {
  Grant(1000);
  Connect(1);
  SendChunk(1, 1);
  SendChunk(1, 1);
  SendChunk(1, 2);
  SendChunk(1, 1);
  EXPECT_THAT(workers.Acks(1), ElementsAre(1, 1, 2, 2));
  EXPECT_EQ(shard.Store().Inserted(), 20U);
}

TEST_F(ShardTest, AReconnectedWorkerResendsWithoutDoubling) {
  Grant(1000);
  Connect(1);
  SendChunk(1, 1);
  SendChunk(1, 2);  // say its acknowledgement was lost
  Connect(2);
  EXPECT_EQ(workers.closed.count(1), 1U) << "the older connection of the incarnation goes";
  EXPECT_EQ(workers.All<Welcome>(2, FrameKind::kWelcome)[0].last_sequence, 2U);
  SendChunk(2, 2);
  SendChunk(2, 3);
  SendChunk(1, 3);  // still under way from the old connection
  EXPECT_THAT(workers.Acks(2), ElementsAre(2, 3));
  EXPECT_EQ(shard.Store().Inserted(), 30U);
}

TEST_F(ShardTest, AGapClosesTheConnection) {
  Grant(1000);
  Connect(1);
  SendChunk(1, 2);
  EXPECT_THAT(workers.closed.at(1), HasSubstr("1 was to follow"));
  EXPECT_EQ(shard.Store().Inserted(), 0U);
}

TEST_F(ShardTest, ChunksOfAnotherIncarnationOrTooLargeCloseTheConnection) {
  Grant(1000);
  Connect(1);
  SendChunk(1, 1, 10, 99);
  EXPECT_EQ(workers.closed.count(1), 1U);
  Connect(2);
  SendChunk(2, 1, 33);
  EXPECT_EQ(workers.closed.count(2), 1U);
}

constexpr std::uint64_t kMost = ChunkIntake::kMostParked;

TEST_F(ShardTest, ParksWhatIsBeyondTheGrantAndStoresItInOrder) {
  Connect(1);
  for (std::uint64_t sequence = 1; sequence <= kMost; ++sequence) SendChunk(1, sequence);
  EXPECT_THAT(workers.Acks(1), IsEmpty());
  EXPECT_EQ(workers.reading.count(1), 0U);
  SendChunk(1, kMost + 1);
  EXPECT_FALSE(workers.reading.at(1));
  SendChunk(1, 3);  // a duplicate of a parked one
  Grant(25);
  EXPECT_THAT(workers.Acks(1), ElementsAre(2));  // one answer for both
  EXPECT_TRUE(workers.reading.at(1));
  Grant(10 * kMost + 9);
  EXPECT_THAT(workers.Acks(1), ElementsAre(2, kMost));
  Grant(10 * kMost + 10);
  EXPECT_THAT(workers.Acks(1), ElementsAre(2, kMost, kMost + 1));
  EXPECT_EQ(shard.Store().Inserted(), 10 * kMost + 10);
}

TEST_F(ShardTest, ParkedConnectionsTakeTurns) {
  Connect(1, 11);
  Connect(2, 12);
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    SendChunk(1, sequence, 10, 11);
    SendChunk(2, sequence, 10, 12);
  }
  Grant(40);
  EXPECT_EQ(workers.Acks(1).back(), 2U);
  EXPECT_EQ(workers.Acks(2).back(), 2U);
}

TEST_F(ShardTest, ParkedChunksOfALostConnectionComeAgain) {
  Connect(1);
  SendChunk(1, 1);
  SendChunk(1, 2);
  shard.OnDisconnect(ConnectionId(1), now);
  Grant(1000);
  EXPECT_EQ(shard.Store().Inserted(), 0U);
  Connect(2);
  SendChunk(2, 1);
  SendChunk(2, 2);
  EXPECT_EQ(shard.Store().Inserted(), 20U);
}

TEST_F(ShardTest, AfterTrainingChunksAreNeitherStoredNorAcknowledged) {
  Connect(1);
  Grant(10);
  for (std::uint64_t sequence = 1; sequence <= kMost + 2; ++sequence) SendChunk(1, sequence);
  EXPECT_THAT(workers.Acks(1), ElementsAre(1));
  EXPECT_FALSE(workers.reading.at(1));
  Tell(RunStatus{RunPhase::kTail, 10, 0});
  EXPECT_TRUE(workers.reading.at(1)) << "evaluation results come over the same connection";
  Grant(1000);
  SendChunk(1, kMost + 3);
  EXPECT_THAT(workers.Acks(1), ElementsAre(1));
  SendChunk(1, 1);  // what is stored is acknowledged again
  EXPECT_THAT(workers.Acks(1), ElementsAre(1, 1));
  EXPECT_EQ(shard.Store().Inserted(), 10U);
  EXPECT_EQ(workers.closed.count(1), 0U);
}

/// One worker behind a bad network: every chunk is sent again and again, out of its order, over
/// connections that break at random; all of it is stored once, and nothing acknowledged is lost.
TEST_F(ShardTest, StoresExactlyOnceThroughRandomResendsAndReconnects) {
  Rng rng(21);
  std::uint64_t connection = 1;
  std::uint64_t acknowledged = 0;
  std::uint64_t next = 1;  // the next chunk to send on this connection
  std::uint64_t granted = 0;
  Connect(connection);
  while (acknowledged < 300) {
    const std::uint64_t what = rng.Below(10);
    if (what == 0) {
      if (rng.Below(2) == 0) shard.OnDisconnect(ConnectionId(connection), now);
      Connect(++connection);
      next = workers.All<Welcome>(connection, FrameKind::kWelcome)[0].last_sequence + 1;
      ASSERT_GE(next, acknowledged + 1);
    } else if (what <= 2) {
      Grant(granted += 10 * rng.Below(6));
    } else if (what <= 4 && next > 1) {
      SendChunk(connection, 1 + rng.Below(next - 1));
    } else {
      SendChunk(connection, next++);
    }
    ASSERT_EQ(workers.closed.count(connection), 0U) << workers.closed[connection];
    for (const std::uint64_t ack : workers.Acks(connection)) {
      acknowledged = std::max(acknowledged, ack);
    }
    ASSERT_EQ(shard.Store().Inserted(), 10 * acknowledged);
    ASSERT_LE(shard.Store().Inserted(), granted);
  }
  const std::uint64_t head = shard.Store().Inserted();
  for (ItemHandle handle = head - shard.Store().Size(); handle < head; ++handle) {
    const std::uint64_t chunk = handle / 10 + 1;
    const auto expected = static_cast<float>(chunk * 100 + handle % 10);
    ASSERT_EQ(FloatAt(shard.Store().At(handle).observation), expected);
  }
}

TEST_F(ShardTest, NoFrameOfAWorkerBreaksTheShard) {
  Grant(100000);
  Rng rng(31);
  std::uint64_t connection = 0;
  for (int round = 0; round < 5000; ++round) {
    ++connection;
    shard.OnConnect(ConnectionId(connection), now);
    if (rng.Below(4) != 0) SayHello(connection, connection);
    std::vector<std::uint8_t> body(rng.Below(60));
    for (auto& byte : body) byte = static_cast<std::uint8_t>(rng.Below(3) == 0 ? rng() : 0);
    shard.OnFrame(ConnectionId(connection), static_cast<FrameKind>(rng.Below(20)), body, now,
                  cluster);
    shard.OnDisconnect(ConnectionId(connection), now);
  }
  Connect(connection + 1);
  SendChunk(connection + 1, 1);
  EXPECT_THAT(workers.Acks(connection + 1), ElementsAre(1));
}

}  // namespace
}  // namespace stillhouse::replay
