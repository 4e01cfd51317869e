#include "replay/departed_workers.h"

#include <chrono>

#include <gmock/gmock.h>

#include "tests/replay/shard_fixture.h"

namespace stillhouse::replay {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DepartedWorkersTest, ForgetsAnHourAfterTheConnectionBroke) {
  DepartedWorkers departed;
  departed.Lost(7);
  EXPECT_THAT(departed.TakeForgotten(minutes(5)), IsEmpty());
  EXPECT_THAT(departed.TakeForgotten(minutes(64)), IsEmpty());
  EXPECT_THAT(departed.TakeForgotten(minutes(65)), ElementsAre(7U));
  EXPECT_EQ(departed.Size(), 0U);
}

TEST(DepartedWorkersTest, AReturnStartsTheHourAnew) {
  DepartedWorkers departed;
  departed.Lost(7);
  departed.TakeForgotten(minutes(0));
  departed.Returned(7);
  EXPECT_THAT(departed.TakeForgotten(minutes(61)), IsEmpty());
  departed.Lost(7);
  EXPECT_THAT(departed.TakeForgotten(minutes(61)), IsEmpty());
  EXPECT_THAT(departed.TakeForgotten(minutes(120)), IsEmpty());
  EXPECT_THAT(departed.TakeForgotten(minutes(121)), ElementsAre(7U));
}

TEST_F(ShardTest, AGoodbyeEndsAnIncarnation) {
  Grant(1000);
  Connect(1);
  SendChunk(1, 1);
  EXPECT_EQ(shard.KnownWorkers(), 1U);
  shard.OnFrame(ConnectionId(1), FrameKind::kGoodbye, {}, now, cluster);
  EXPECT_EQ(shard.KnownWorkers(), 0U);
  EXPECT_EQ(shard.Store().Inserted(), 10U);
  SendChunk(1, 1);  // late, or doubled: there is nobody to say it any more
  EXPECT_EQ(shard.Store().Inserted(), 10U);
}

TEST_F(ShardTest, AGoodbyeWithoutTheTokenForgetsNobody) {
  Grant(1000);
  Connect(1);
  SendChunk(1, 1);
  shard.OnConnect(ConnectionId(2), now);
  shard.OnFrame(ConnectionId(2), FrameKind::kGoodbye, {}, now, cluster);
  EXPECT_EQ(shard.KnownWorkers(), 1U);
}

TEST_F(ShardTest, AWorkerThatComesBackWithinTheHourIsStillKnown) {
  Grant(1000);
  Connect(1);
  SendChunk(1, 1);
  shard.OnDisconnect(ConnectionId(1), now);
  shard.Tick(now, cluster);
  now += minutes(59);
  shard.Tick(now, cluster);
  Connect(2);
  now += hours(3);
  shard.Tick(now, cluster);
  SendChunk(2, 1);
  EXPECT_EQ(shard.Store().Inserted(), 10U) << "stored twice";
  SendChunk(2, 2);
  EXPECT_EQ(shard.Store().Inserted(), 20U);
}

TEST_F(ShardTest, AConnectionReplacedByANewerOneIsNoDeparture) {
  Grant(1000);
  Connect(1);
  SendChunk(1, 1);
  Connect(2);  // the shard has not noticed that the first one broke
  shard.OnDisconnect(ConnectionId(1), now);
  shard.Tick(now, cluster);
  now += hours(2);
  shard.Tick(now, cluster);
  EXPECT_EQ(shard.KnownWorkers(), 1U);
}

TEST_F(ShardTest, AThousandWorkersThatWereKilledAreForgotten) {
  Grant(1000000);
  for (std::uint64_t worker = 1; worker <= 1000; ++worker) {
    Connect(worker, worker);
    SendChunk(worker, 1, 10, worker);
    shard.OnDisconnect(ConnectionId(worker), now);
    shard.Tick(now, cluster);
    now += minutes(1);
  }
  EXPECT_LE(shard.KnownWorkers(), 61U);
}

}  // namespace
}  // namespace stillhouse::replay
