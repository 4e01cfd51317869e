#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "actors/actor.h"
#include "actors/env/environment_factory.h"
#include "replay/chunk.h"
#include "tests/actors/actor_test_config.h"

namespace stillhouse::actors {

using Bytes = std::vector<std::uint8_t>;
using std::chrono::milliseconds;

constexpr std::uint64_t kIncarnation = 77;

template <typename Body>
Bytes Encode(const Body& body) {
  ByteWriter out;
  body.Encode(out);
  return out.Take();
}
template <typename Body>
Body Decode(const Bytes& bytes) {
  ByteReader reader(bytes, "test");
  Body body = Body::Decode(reader);
  reader.ExpectEnd();
  return body;
}

/// Both shards as the actor sees them: what it sent is kept, the test answers.
struct FakeShards final : ShardLinks {
  struct Frame {
    std::uint32_t slot;
    FrameKind kind;
    Bytes body;
  };
  void Send(std::uint32_t slot, FrameKind kind, Bytes body) override {
    frames.push_back({slot, kind, std::move(body)});
  }
  std::vector<Frame> Take(FrameKind kind) {
    std::vector<Frame> taken;
    std::erase_if(frames, [&](const Frame& frame) {
      if (frame.kind != kind) return false;
      taken.push_back(frame);
      return true;
    });
    return taken;
  }
  std::vector<Frame> frames;
};

class ActorTest : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kSlots = 2;

  ActorTest() { Make({.incarnation = kIncarnation, .index = 0, .slots = kSlots}); }

  void Make(ActorOptions options) {
    options.token = "secret";
    actor.emplace(options);
    shards.frames.clear();
  }
  /// The whole greeting of one slot, as a shard holds it.
  void Greet(std::uint32_t slot, std::uint64_t last_sequence = 0) {
    const Hello hello = actor->MakeHello(slot);
    if (hello.environment.id.empty()) {
      actor->OnWelcome(slot, MakeWelcome(slot, last_sequence), now, shards);
      const auto second = shards.Take(FrameKind::kHello);
      ASSERT_EQ(second.size(), 1U);
      EXPECT_EQ(Decode<Hello>(second[0].body).environment.id, "classic/cart_pole");
      EXPECT_EQ(Decode<Hello>(second[0].body).token, "secret");
    }
    actor->OnWelcome(slot, MakeWelcome(slot, last_sequence), now, shards);
  }
  Welcome MakeWelcome(std::uint32_t slot, std::uint64_t last_sequence) const {
    return {slot, kSlots, PrintConfig(config), last_sequence};
  }
  void GreetAll() {
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) Greet(slot);
  }
  template <typename Body>
  void Deliver(std::uint32_t slot, FrameKind kind, const Body& body) {
    actor->OnFrame(slot, kind, Encode(body), now, shards);
  }
  void SendStatus(RunPhase phase, std::uint64_t teacher_version = 0, std::uint32_t slot = 0) {
    WorkerStatus status;
    status.run.phase = phase;
    status.teacher_version = teacher_version;
    Deliver(slot, FrameKind::kStatus, status);
  }
  bool Advance(int times = 1) {
    bool more = false;
    for (int i = 0; i < times; ++i) {
      now += milliseconds(1);
      more = actor->Advance(now, shards);
    }
    return more;
  }
  replay::ChunkView View(const FakeShards::Frame& frame) const {
    return {frame.body, environment, static_cast<std::uint32_t>(config.replay.n_step)};
  }
  /// Takes and acknowledges all chunks, as shards that store everything do.
  void StoreAll() {
    for (const auto& frame : shards.Take(FrameKind::kChunk)) {
      const auto chunk = View(frame);
      EXPECT_EQ(chunk.Sequence(), ++sequences[frame.slot]);
      sizes[frame.slot] += chunk.Items();
      stored.push_back(frame);
      Deliver(frame.slot, FrameKind::kAck, Ack{chunk.Sequence(), sizes[frame.slot]});
    }
  }

  RunConfig config = SmallConfig();
  EnvironmentSpec environment = MakeEnvironment("classic/cart_pole")->Spec();
  FakeShards shards;
  std::optional<Actor> actor;
  Time now{};
  std::map<std::uint32_t, std::uint64_t> sequences;
  std::map<std::uint32_t, std::uint64_t> sizes;
  std::vector<FakeShards::Frame> stored;
};

}  // namespace stillhouse::actors
