// What a worker does when one of its shards has died for good.
#include <gtest/gtest.h>

#include "tests/actors/actor_fixture.h"

namespace stillhouse::actors {
namespace {

TEST_F(ActorTest, ADeadShardIsLeftBehindAndAnotherBecomesHome) {
  GreetAll();
  Advance(200);
  const auto unacknowledged = shards.Take(FrameKind::kChunk);
  ASSERT_FALSE(unacknowledged.empty());
  actor->OnDisconnect(0);
  WorkerStatus status;
  status.run.dead_shards = {0};
  status.teacher_version = 9;
  Deliver(1, FrameKind::kStatus, status);
  EXPECT_TRUE(actor->Abandoned(0));
  EXPECT_FALSE(actor->Abandoned(1));
  const auto reports = shards.Take(FrameKind::kWorkerReport);
  ASSERT_FALSE(reports.empty());
  EXPECT_EQ(reports.back().slot, 1U) << "the report tells the shard that it is home";
  const auto requests = shards.Take(FrameKind::kWeightsRequest);
  ASSERT_FALSE(requests.empty());
  EXPECT_EQ(requests.back().slot, 1U);
  EXPECT_TRUE(actor->MakeHello(1).home);
  // Chunks of the dead shard are not sent elsewhere; new ones go to the living.
  for (const auto& frame : unacknowledged) {
    if (frame.slot == 1) Deliver(1, FrameKind::kAck, Ack{View(frame).Sequence(), 1});
  }
  Advance(200);
  const auto later = shards.Take(FrameKind::kChunk);
  ASSERT_FALSE(later.empty());
  for (const auto& frame : later) EXPECT_EQ(frame.slot, 1U);
  actor->Leave();
  for (const auto& frame : later) {
    Deliver(1, FrameKind::kAck, Ack{View(frame).Sequence(), 1});
  }
  EXPECT_TRUE(actor->Settled()) << "what died with a shard is not waited for";
}

TEST_F(ActorTest, AWorkerThatJoinsAfterADeathFindsAnotherHome) {
  Greet(1);
  EXPECT_FALSE(actor->MakeHello(1).home);
  WorkerStatus status;
  status.run.dead_shards = {0};
  Deliver(1, FrameKind::kStatus, status);
  EXPECT_TRUE(actor->Abandoned(0)) << "the only shard that lives is in the other slot";
  EXPECT_TRUE(actor->MakeHello(1).home);
}

/// A worker in a job of more shards than it was given: its slots hold shards 3 and 5 of 8.
class SomeShardsTest : public ActorTest {
 protected:
  void Welcomed(std::uint32_t slot) {
    for (int hello = actor->MakeHello(slot).environment.id.empty() ? 0 : 1; hello < 2; ++hello) {
      actor->OnWelcome(slot, {slot == 0 ? 3U : 5U, 8, PrintConfig(config), 0}, now, shards);
    }
  }
  void HearOfDeaths(std::vector<std::uint16_t> dead) {
    WorkerStatus status;
    status.run.dead_shards = std::move(dead);
    Deliver(1, FrameKind::kStatus, status);
  }
};

TEST_F(SomeShardsTest, DeathsOfOtherShardsDoNotMatter) {
  Welcomed(0);
  Welcomed(1);
  HearOfDeaths({0, 1, 2, 4, 6, 7});
  EXPECT_FALSE(actor->Abandoned(0));
  EXPECT_FALSE(actor->Abandoned(1));
  EXPECT_TRUE(actor->MakeHello(0).home);
}

TEST_F(SomeShardsTest, ASlotThatWasNeverWelcomedIsKeptButIsNoHome) {
  Welcomed(1);
  HearOfDeaths({3});
  EXPECT_FALSE(actor->Abandoned(0)) << "nobody has said that shard 3 is in it";
  EXPECT_FALSE(actor->MakeHello(1).home) << "it may be late";
  now += std::chrono::seconds(6);
  HearOfDeaths({3});
  EXPECT_TRUE(actor->MakeHello(1).home);
}

TEST_F(SomeShardsTest, ADeadHomeIsLeftForTheOtherShard) {
  Welcomed(0);
  Welcomed(1);
  HearOfDeaths({3});
  EXPECT_TRUE(actor->Abandoned(0));
  EXPECT_TRUE(actor->MakeHello(1).home);
}

}  // namespace
}  // namespace stillhouse::actors
