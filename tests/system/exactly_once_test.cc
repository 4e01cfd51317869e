// Contract: a chunk of experience is resent until acknowledged and is stored exactly once. A real
// worker's logic and two real shards over real loopback TCP; connections are cut a thousand times
// between storing and acknowledging (and elsewhere), and what the shards hold at the end is
// compared, item by item, with a ledger kept outside both.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "actors/actor.h"
#include "actors/env/environment_factory.h"
#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/net/event_loop.h"
#include "common/net/tcp_transport.h"
#include "replay/chunk.h"
#include "replay/shard.h"
#include "tests/actors/actor_test_config.h"

namespace stillhouse {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr int kCuts = 1000;
constexpr std::uint32_t kSlots = 2;
constexpr const char* kToken = "the job's token";

struct Kept final : Outbox {
  void Send(Envelope envelope) override { envelopes.push_back(std::move(envelope)); }
  std::vector<Envelope> envelopes;
};

RunConfig Config() {
  RunConfig config = actors::SmallConfig();
  config.replay.alpha = 0;  // every item has priority 1: offsets enumerate the store
  return config;
}

/// A shard behind TCP whose connections break just when it wants to acknowledge.
class CuttingServer final : public TcpHandler, public replay::WorkerOutbox {
 public:
  CuttingServer(EventLoop& loop, std::uint16_t index, Rng& rng, int& cuts)
      : rng_(rng),
        cuts_(cuts),
        shard_(Settings(index), *this),
        server_(loop, {}, *this, [](const std::string&) {}) {
    SendTo(kept_, kCoordinatorAddress, shard_.Address(), InsertGrant{~std::uint64_t{0}});
    shard_.Handle(kept_.envelopes.back(), Time{}, kept_);
  }
  std::string Address() const { return server_.Address(); }
  void Tick(Time now) { shard_.Tick(now, kept_); }

  /// Every item in the store.
  SampleReply Everything() {
    const auto ask = [&](const SampleRequest& request) {
      SendTo(kept_, {RoleKind::kLearner, 0}, shard_.Address(), request);
      const Envelope envelope = kept_.envelopes.back();
      shard_.Handle(envelope, Time{}, kept_);
      return DecodeBody<SampleReply>(kept_.envelopes.back());
    };
    SampleRequest request;
    const ShardTotals totals = ask(request).totals;
    request.assumed_mass = totals.mass;
    for (std::uint64_t i = 0; i < totals.size; ++i) {
      request.offsets.push_back(static_cast<double>(i) + 0.5);
    }
    return ask(request);
  }

 private:
  static replay::ShardSettings Settings(std::uint16_t index) {
    replay::ShardSettings settings;
    settings.index = index;
    settings.shards = kSlots;
    settings.config = Config();
    settings.config_yaml = PrintConfig(settings.config);
    settings.environment = actors::MakeEnvironment(settings.config.env.id)->Spec();
    settings.token = kToken;
    settings.models = 2;
    return settings;
  }

  void OnConnect(ConnectionId connection, const std::string&) override {
    shard_.OnConnect(connection, Time{});
  }
  void OnFrame(ConnectionId connection, std::uint8_t kind,
               std::span<const std::uint8_t> body) override {
    shard_.OnFrame(connection, static_cast<FrameKind>(kind), {body.begin(), body.end()}, Time{},
                   kept_);
  }
  void OnDisconnect(ConnectionId connection, const std::string&) override {
    shard_.OnDisconnect(connection, Time{});
  }
  void Send(ConnectionId connection, FrameKind kind, Bytes body) override {
    const ConnectionId id = connection;
    if (kind == FrameKind::kWelcome) server_.MarkAuthenticated(id);
    if (kind == FrameKind::kAck && cuts_ < kCuts && rng_.Below(3) == 0) {
      ++cuts_;  // stored, and nobody will hear of it over this connection
      return server_.Close(id, "cut");
    }
    server_.Send(id, static_cast<std::uint8_t>(kind), body);
  }
  void Close(ConnectionId connection, std::string_view reason) override {
    ADD_FAILURE() << "the shard closed a connection: " << reason;
    server_.Close(connection, std::string(reason));
  }
  void SetReading(ConnectionId connection, bool reading) override {
    server_.SetReading(connection, reading);
  }

  Rng& rng_;
  int& cuts_;
  Kept kept_;
  replay::Shard shard_;
  TcpServer server_;
};

/// The worker's end, with the ledger: every chunk as it was first sent.
class Worker final : public TcpHandler, public actors::ShardLinks {
 public:
  Worker(EventLoop& loop, const std::vector<std::unique_ptr<CuttingServer>>& servers)
      : actor_({.incarnation = 4711, .slots = kSlots, .token = kToken}) {
    TcpClientOptions options;
    options.first_retry = std::chrono::milliseconds(1);
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
      clients_.push_back(std::make_unique<TcpClient>(loop, ConnectionId(slot),
                                                     servers[slot]->Address(), options, *this,
                                                     [](const std::string&) {}));
    }
  }
  void Advance(Time now) { actor_.Advance(now, *this); }
  void Cut(std::uint32_t slot) { clients_[slot]->Reconnect("cut from this side"); }
  bool AllAcknowledged() const {
    return std::all_of(ledger.begin(), ledger.end(), [&](const auto& entry) {
      const auto& [slot, sequence] = entry.first;
      return sequence <= acknowledged_.at(slot);
    });
  }
  std::uint64_t Frames() const { return actor_.Frames(); }

  std::map<std::pair<std::uint32_t, std::uint64_t>, Bytes> ledger;  ///< (slot, sequence) -> chunk
  int resent = 0;

 private:
  void OnConnect(ConnectionId connection, const std::string&) override {
    const auto slot = static_cast<std::uint32_t>(connection.Get());
    ByteWriter body;
    actor_.MakeHello(slot).Encode(body);
    Send(slot, FrameKind::kHello, body.Take());
  }
  void OnFrame(ConnectionId connection, std::uint8_t kind,
               std::span<const std::uint8_t> body) override {
    const auto slot = static_cast<std::uint32_t>(connection.Get());
    ByteReader reader(body, "test");
    if (static_cast<FrameKind>(kind) == FrameKind::kAck) {
      acknowledged_[slot] = std::max(acknowledged_[slot], Ack::Decode(reader).sequence);
    }
    if (static_cast<FrameKind>(kind) == FrameKind::kWelcome) {
      acknowledged_[slot] = std::max(acknowledged_[slot], Welcome::Decode(reader).last_sequence);
    }
    actor_.OnFrame(slot, static_cast<FrameKind>(kind), body, Time{}, *this);
  }
  void OnDisconnect(ConnectionId connection, const std::string&) override {
    actor_.OnDisconnect(static_cast<std::uint32_t>(connection.Get()));
  }
  void Send(std::uint32_t slot, FrameKind kind, Bytes body) override {
    if (kind == FrameKind::kChunk) {
      const replay::ChunkView chunk(body, spec_,
                                    static_cast<std::uint32_t>(Config().replay.n_step));
      const auto [place, first] = ledger.try_emplace({slot, chunk.Sequence()}, body);
      if (!first) {
        ++resent;
        EXPECT_EQ(place->second, body) << "a chunk changed between two sendings";
      }
    }
    clients_[slot]->Send(static_cast<std::uint8_t>(kind), body);
  }

  const EnvironmentSpec spec_ = actors::MakeEnvironment(Config().env.id)->Spec();
  actors::Actor actor_;
  std::vector<std::unique_ptr<TcpClient>> clients_;
  std::map<std::uint32_t, std::uint64_t> acknowledged_ = {{0, 0}, {1, 0}};
};

using Item = std::tuple<Bytes, std::int32_t, float, float, Bytes>;

std::vector<Item> Stored(CuttingServer& server, std::size_t packed) {
  const SampleReply reply = server.Everything();
  std::vector<Item> items;
  const auto row = [&](const Bytes& rows, std::size_t i) {
    const auto at = rows.begin() + static_cast<std::ptrdiff_t>(i * packed);
    return Bytes(at, at + static_cast<std::ptrdiff_t>(packed));
  };
  for (std::size_t i = 0; i < reply.handles.size(); ++i) {
    items.emplace_back(row(reply.observations, i), reply.actions[i], reply.rewards[i],
                       reply.discounts[i],
                       reply.discounts[i] > 0 ? row(reply.next_observations, i) : Bytes{});
  }
  std::sort(items.begin(), items.end());
  return items;
}

std::vector<Item> Expected(const Worker& worker, std::uint32_t slot, const EnvironmentSpec& spec) {
  const RunConfig config = Config();
  const auto n = static_cast<std::uint32_t>(config.replay.n_step);
  const auto packed = static_cast<std::size_t>(spec.observation.PackedBytes());
  std::vector<Item> items;
  for (const auto& [key, bytes] : worker.ledger) {
    if (key.first != slot) continue;
    const replay::ChunkView chunk(bytes, spec, n);
    for (std::uint32_t i = 0; i < chunk.Items(); ++i) {
      const auto item = chunk.Transition(i, n, config.replay.discount);
      items.emplace_back(Bytes(item.observation, item.observation + packed), item.action,
                         item.reward, item.discount,
                         item.discount > 0
                             ? Bytes(item.next_observation, item.next_observation + packed)
                             : Bytes{});
    }
  }
  std::sort(items.begin(), items.end());
  return items;
}

TEST(ExactlyOnceTest, AThousandCutsBetweenStoringAndAcknowledgingLoseAndDoubleNothing) {
  EventLoop loop;
  Rng rng(20240607);
  int cuts = 0;
  std::vector<std::unique_ptr<CuttingServer>> servers;
  for (std::uint16_t index = 0; index < kSlots; ++index) {
    servers.push_back(std::make_unique<CuttingServer>(loop, index, rng, cuts));
  }
  Worker worker(loop, servers);
  SteadyClock clock;
  int cuts_from_the_worker = 0;
  while (cuts < kCuts && Seconds(clock.Now()) < 60) {
    loop.RunOnce(std::chrono::microseconds(200));
    worker.Advance(clock.Now());
    for (auto& server : servers) server->Tick(clock.Now());
    if (rng.Below(200) == 0) {
      worker.Cut(static_cast<std::uint32_t>(rng.Below(kSlots)));
      ++cuts_from_the_worker;
    }
  }
  ASSERT_EQ(cuts, kCuts);
  const double deadline = Seconds(clock.Now()) + 10;
  while (!worker.AllAcknowledged() && Seconds(clock.Now()) < deadline) {
    loop.RunOnce(std::chrono::milliseconds(1));
  }
  ASSERT_TRUE(worker.AllAcknowledged());
  EXPECT_GE(worker.resent, 1);
  RecordProperty("cuts_from_the_worker", cuts_from_the_worker);
  RecordProperty("resent", worker.resent);

  const auto spec = actors::MakeEnvironment(Config().env.id)->Spec();
  const auto packed = static_cast<std::size_t>(spec.observation.PackedBytes());
  std::uint64_t total = 0;
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
    const auto expected = Expected(worker, slot, spec);
    const auto stored = Stored(*servers[slot], packed);
    total += stored.size();
    EXPECT_EQ(stored.size(), expected.size());
    EXPECT_TRUE(stored == expected) << "shard " << slot;
    // Cart-pole's states are real numbers: no two items of a run are alike.
    EXPECT_EQ(std::adjacent_find(stored.begin(), stored.end()), stored.end());
  }
  EXPECT_LE(total, worker.Frames());
  EXPECT_GT(total, 8000U);
}

}  // namespace
}  // namespace stillhouse
