#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/messages/labels.h"
#include "replay/shard.h"
#include "tests/replay/chunk_maker.h"

namespace stillhouse::replay {

struct Frame {
  FrameKind kind{};
  std::vector<std::uint8_t> body;
};

/// Writes down what a shard does to its workers.
class WorkerRecorder final : public WorkerOutbox {
 public:
  void Send(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body) override {
    frames[connection.Get()].push_back({kind, std::move(body)});
  }
  void Close(ConnectionId connection, std::string_view reason) override {
    closed[connection.Get()] = reason;
  }
  void SetReading(ConnectionId connection, bool on) override { reading[connection.Get()] = on; }

  template <typename Body>
  std::vector<Body> All(std::uint64_t connection, FrameKind kind) const {
    std::vector<Body> found;
    const auto at = frames.find(connection);
    if (at == frames.end()) return found;
    for (const Frame& frame : at->second) {
      if (frame.kind == kind) found.push_back(DecodeFrame<Body>(frame.body, "frame"));
    }
    return found;
  }
  std::vector<std::uint64_t> Acks(std::uint64_t connection) const {
    std::vector<std::uint64_t> sequences;
    for (const Ack& ack : All<Ack>(connection, FrameKind::kAck)) sequences.push_back(ack.sequence);
    return sequences;
  }
  std::size_t Count(std::uint64_t connection, FrameKind kind) const {
    std::size_t count = 0;
    const auto at = frames.find(connection);
    if (at == frames.end()) return 0;
    for (const Frame& frame : at->second) count += frame.kind == kind ? 1 : 0;
    return count;
  }

  std::map<std::uint64_t, std::vector<Frame>> frames;
  std::map<std::uint64_t, std::string> closed;
  std::map<std::uint64_t, bool> reading;
};

class ClusterRecorder final : public Outbox {
 public:
  void Send(Envelope envelope) override { sent.push_back(std::move(envelope)); }

  template <typename Body>
  std::vector<Body> All() const {
    std::vector<Body> found;
    for (const Envelope& envelope : sent) {
      if (envelope.kind == Body::kKind) found.push_back(DecodeBody<Body>(envelope));
    }
    return found;
  }

  std::vector<Envelope> sent;
};

class ShardTest : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kWorker = 0xabc;

  static ShardSettings Settings() {
    ShardSettings settings;
    settings.index = 1;
    settings.shards = 2;
    settings.config.replay.capacity = 2000;  // of both
    settings.config.replay.n_step = 3;
    settings.config.replay.alpha = 1;
    settings.config.actors.chunk_steps = 32;
    settings.config_yaml = "run: {}";
    settings.environment = CounterSpec();
    settings.token = "secret";
    settings.models = 2;
    return settings;
  }

  template <typename Body>
  void Tell(const Body& body, RoleAddress from = kCoordinatorAddress) {
    ByteWriter writer;
    body.Encode(writer);
    shard.Handle({from, shard.Address(), Body::kKind, writer.Take()}, now, cluster);
  }
  template <typename Body>
  void Say(std::uint64_t connection, FrameKind kind, const Body& body) {
    ByteWriter writer;
    body.Encode(writer);
    shard.OnFrame(ConnectionId(connection), kind, writer.Take(), now, cluster);
  }
  void SayHello(std::uint64_t connection, std::uint64_t incarnation = kWorker, bool home = true,
                const EnvironmentSpec& spec = CounterSpec(), const std::string& token = "secret") {
    Hello hello;
    hello.token = token;
    hello.incarnation = incarnation;
    hello.home = home;
    hello.environment = spec;
    Say(connection, FrameKind::kHello, hello);
  }
  void Connect(std::uint64_t connection, std::uint64_t incarnation = kWorker, bool home = true) {
    shard.OnConnect(ConnectionId(connection), now);
    SayHello(connection, incarnation, home);
  }
  void SendChunk(std::uint64_t connection, std::uint64_t sequence, std::uint32_t items = 10,
                 std::uint64_t incarnation = kWorker) {
    shard.OnFrame(ConnectionId(connection), FrameKind::kChunk,
                  MakeChunk(incarnation, sequence, sequence * 100, items).Encode(CounterSpec()),
                  now, cluster);
  }
  void Grant(std::uint64_t allowance) { Tell(InsertGrant{allowance}); }

  WorkerRecorder workers;
  ClusterRecorder cluster;
  Time now{};
  Shard shard{Settings(), workers};
};

}  // namespace stillhouse::replay
