// How a worker leaves before its run does, and what it makes of a shard that has forgotten it.
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "actors/actor.h"
#include "actors/env/environment_factory.h"
#include "actors/experience_sender.h"
#include "common/base/error.h"
#include "tests/actors/actor_test_config.h"

namespace stillhouse::actors {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <typename Body>
Bytes Encode(const Body& body) {
  ByteWriter out;
  body.Encode(out);
  return out.Take();
}

/// One shard: counts chunks, acknowledges when told to.
struct CountingShard final : ShardLinks {
  void Send(std::uint32_t, FrameKind kind, Bytes) override {
    if (kind == FrameKind::kChunk) ++chunks;
  }
  std::uint64_t chunks = 0;
};

class ActorLeaveTest : public ::testing::Test {
 protected:
  ActorLeaveTest() { Greet(0); }
  void Greet(std::uint64_t last_sequence) {
    const Welcome welcome{0, 1, PrintConfig(SmallConfig()), last_sequence};
    actor.MakeHello(0);
    actor.OnWelcome(0, welcome, now, shard);
    actor.OnWelcome(0, welcome, now, shard);
  }
  void PlayUntilChunks(std::uint64_t chunks) {
    for (int i = 0; i < 1000 && shard.chunks < chunks; ++i) {
      now += std::chrono::milliseconds(1);
      actor.Advance(now, shard);
    }
    ASSERT_GE(shard.chunks, chunks);
  }

  Time now{};
  CountingShard shard;
  Actor actor{{.incarnation = 9, .slots = 1, .token = "secret"}};
};

TEST_F(ActorLeaveTest, StopsPlayingAndWaitsForWhatItHasSent) {
  PlayUntilChunks(2);
  EXPECT_FALSE(actor.Settled());
  const auto frames = actor.Frames();
  actor.Leave();
  EXPECT_FALSE(actor.Advance(now, shard));
  EXPECT_EQ(actor.Frames(), frames);
  EXPECT_FALSE(actor.Settled());
  actor.OnFrame(0, FrameKind::kAck, Encode(Ack{shard.chunks, 100}), now, shard);
  actor.Advance(now, shard);  // what found no room in the window before
  actor.OnFrame(0, FrameKind::kAck, Encode(Ack{shard.chunks, 100}), now, shard);
  EXPECT_TRUE(actor.Settled());
  EXPECT_FALSE(actor.Finished());
}

TEST_F(ActorLeaveTest, EndsWhenAShardHasForgottenWhatItAcknowledged) {
  PlayUntilChunks(3);
  actor.OnFrame(0, FrameKind::kAck, Encode(Ack{2, 100}), now, shard);
  actor.OnDisconnect(0);
  // The same shard again, first with more than was acknowledged, then with exactly that.
  Greet(3);
  actor.OnDisconnect(0);
  EXPECT_NO_THROW(Greet(3));
  actor.OnDisconnect(0);
  EXPECT_THROW(Greet(0), CommError);
}

}  // namespace
}  // namespace stillhouse::actors
