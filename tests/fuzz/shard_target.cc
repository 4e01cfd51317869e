// A whole shard, and whatever its workers may send in whatever order.
//
//   input = step*     step = what u8 (low 2 bits: connection; next 2: 0 connect, 1 close, 2 a
//   frame,
//                            3 a cluster message)
//   a frame = kind u8, length u16, body      a message = as a frame, kind of MessageKind
#include <cstring>
#include <map>
#include <set>

#include <fmt/format.h>

#include "common/base/error.h"
#include "common/config/config_print.h"
#include "replay/chunk.h"
#include "replay/shard.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/round_trip.h"

namespace stillhouse::fuzz {
namespace {

constexpr std::uint8_t kConnect = 0;
constexpr std::uint8_t kClose = 1;
constexpr std::uint8_t kFrame = 2;
constexpr std::uint8_t kMessage = 3;

EnvironmentSpec Environment() {
  return {.id = "x/y",
          .observation = {ElementKind::kBytes, {2}},
          .num_actions = 2,
          .action_names = {"no", "go"},
          .canonical_action = {0, 1},
          .time_limit = 7};
}

replay::ShardSettings Settings() {
  replay::ShardSettings settings;
  settings.config.env.id = "x/y";
  settings.config.replay.capacity = 64;
  settings.config.replay.n_step = 2;
  settings.config.actors.chunk_steps = 4;
  settings.config_yaml = "a: b";
  settings.environment = Environment();
  settings.token = "secret";
  settings.models = 2;
  return settings;
}

/// What nobody must do to a connection: speak to one before it has shown the token.
struct Connections final : replay::WorkerOutbox, Outbox {
  void Send(ConnectionId connection, FrameKind kind, Bytes body) override {
    sent += body.size();
    const bool stranger = !shown_token.contains(connection.Get());
    if (stranger && kind != FrameKind::kRefused && kind != FrameKind::kGoodbye) {
      throw std::logic_error(fmt::format("frame of kind {} to a stranger", static_cast<int>(kind)));
    }
  }
  void Close(ConnectionId connection, std::string_view) override {
    shown_token.erase(connection.Get());
    std::erase_if(open, [&](const auto& peer) { return peer.second == connection.Get(); });
  }
  void SetReading(ConnectionId, bool) override {}
  void Send(Envelope envelope) override { sent += envelope.body.size(); }

  std::set<std::uint64_t> shown_token;          ///< connections
  std::map<std::uint64_t, std::uint64_t> open;  ///< peer -> connection
  std::size_t sent = 0;
};

bool ShowsToken(FrameKind kind, std::span<const std::uint8_t> body) {
  return kind == FrameKind::kHello && body.size() >= 10 &&
         AsText(body.first(10)) == std::string_view("\6\0\0\0secret", 10);
}

class Player {
 public:
  explicit Player(std::span<const std::uint8_t> input)
      : in_(input, "input"), shard_(Settings(), connections_) {}

  /// In words: what the last refused cluster message was refused for, and what the store holds.
  std::string Play() {
    while (in_.Left() > 0 && Step()) {
      now_ += std::chrono::milliseconds(30);
      shard_.Tick(now_, connections_);
    }
    return fmt::format("{}{}", refused_.empty() ? "" : refused_,
                       std::string(std::min<std::size_t>(shard_.Store().Size(), 8), 'i'));
  }

 private:
  bool Step() {
    const auto what = in_.Get<std::uint8_t>();
    const std::uint64_t peer = what & 3U;
    const std::uint8_t kind = (what >> 2U) & 3U;
    auto open = connections_.open.find(peer);
    if (kind == kConnect && open == connections_.open.end()) {
      connections_.open[peer] = ++last_;  // never used twice, as in the transport
      shard_.OnConnect(ConnectionId(last_), now_);
    } else if (kind == kClose && open != connections_.open.end()) {
      const ConnectionId connection(open->second);
      connections_.open.erase(open);
      connections_.shown_token.erase(connection.Get());
      shard_.OnDisconnect(connection, now_);
    } else if (kind >= kFrame) {
      if (in_.Left() < 3) return false;
      const auto number = in_.Get<std::uint8_t>();
      const std::size_t length = in_.Get<std::uint16_t>();
      const auto bytes = in_.GetBytes(std::min(length, in_.Left()));
      Deliver(kind, peer, number, {bytes.begin(), bytes.end()});
    }
    return true;
  }

  void Deliver(std::uint8_t kind, std::uint64_t peer, std::uint8_t number, Bytes body) {
    if (kind == kFrame && number <= static_cast<std::uint8_t>(kLastFrameKind)) {
      const auto frame = static_cast<FrameKind>(number);
      const auto open = connections_.open.find(peer);
      const ConnectionId connection(open == connections_.open.end() ? last_ : open->second);
      if (ShowsToken(frame, body)) connections_.shown_token.insert(connection.Get());
      shard_.OnFrame(connection, frame, std::move(body), now_, connections_);
    } else if (kind == kMessage && number <= static_cast<std::uint8_t>(kLastMessageKind)) {
      const Envelope envelope{
          {RoleKind::kLearner, 0}, shard_.Address(), static_cast<MessageKind>(number), body};
      try {
        shard_.Handle(envelope, now_, connections_);
      } catch (const WireError& error) {
        refused_ = error.what();
      }
    }
  }

  ByteReader in_;
  Connections connections_;
  replay::Shard shard_;
  Time now_{};
  std::uint64_t last_ = 0;
  std::string refused_;
};

// ---- seeds -------------------------------------------------------------------------------------

class Script {
 public:
  Script& Connect(std::uint8_t peer) { return Put(peer); }
  Script& Close(std::uint8_t peer) { return Put(static_cast<std::uint8_t>(peer | kClose << 2U)); }
  template <typename Body>
  Script& Frame(std::uint8_t peer, FrameKind kind, const Body& body) {
    return Put(static_cast<std::uint8_t>(peer | kFrame << 2U), static_cast<std::uint8_t>(kind),
               Encoded(body));
  }
  Script& Chunk(std::uint8_t peer, const Bytes& chunk) {
    return Put(static_cast<std::uint8_t>(peer | kFrame << 2U),
               static_cast<std::uint8_t>(FrameKind::kChunk), chunk);
  }
  template <typename Body>
  Script& Message(const Body& body) {
    return Put(kMessage << 2U, static_cast<std::uint8_t>(Body::kKind), Encoded(body));
  }
  Bytes Take() { return out_.Take(); }

 private:
  Script& Put(std::uint8_t what) {
    out_.Put(what);
    return *this;
  }
  Script& Put(std::uint8_t what, std::uint8_t number, const Bytes& body) {
    out_.Put(what);
    out_.Put(number);
    out_.Put(static_cast<std::uint16_t>(body.size()));
    out_.PutBytes(body);
    return *this;
  }
  ByteWriter out_;
};

Hello GoodHello(std::uint64_t incarnation) {
  return {"secret", kWorkerProtocolVersion, incarnation, true, Environment()};
}

Bytes Chunk(std::uint64_t incarnation, std::uint64_t sequence) {
  replay::ExperienceChunk chunk;
  chunk.incarnation = incarnation;
  chunk.sequence = sequence;
  chunk.first_item = sequence * 2;
  chunk.actions = {0, 1, 1};
  chunk.rewards = {1, 0, 1};
  chunk.flags = {0, replay::kTerminated, 0};
  chunk.td_errors = {0.5F, 1};
  chunk.observations = Bytes(8, 1);
  return chunk.Encode(Environment());
}

EvaluationTask Task() {
  EvaluationTask task;
  task.task = 1;
  task.round = 1;
  task.worker = 8;
  task.seeds = {1, 2};
  return task;
}

EvaluationResult Result() {
  EvaluationResult result;
  result.task = 1;
  result.episodes = {{1, 2, 3}};
  return result;
}

std::vector<Bytes> Scripts() {
  const WeightsPublish weights{0, 1, 0, {1, 2}};
  return {Script()
              .Message(InsertGrant{1000})
              .Message(weights)
              .Connect(0)
              .Frame(0, FrameKind::kHello, GoodHello(7))
              .Chunk(0, Chunk(7, 1))
              .Chunk(0, Chunk(7, 2))
              .Chunk(0, Chunk(7, 2))
              .Frame(0, FrameKind::kWeightsRequest, WeightsRequest{0, 0})
              .Frame(0, FrameKind::kWorkerReport, WorkerReport{{{3, 4}}, 0.5, true})
              .Message(SampleRequest{1, 2, {0.5, 1}})
              .Message(PriorityUpdate{{1, 2}, {0.5F, 2}})
              .Take(),
          Script()
              .Connect(1)
              .Frame(1, FrameKind::kHello, GoodHello(8))
              .Chunk(1, Chunk(8, 1))
              .Chunk(1, Chunk(8, 2))
              .Connect(2)
              .Frame(2, FrameKind::kHello, GoodHello(8))
              .Message(InsertGrant{3})
              .Message(Task())
              .Frame(2, FrameKind::kEvaluationResult, Result())
              .Message(RunStatus{RunPhase::kTail, 5, 6})
              .Message(EvaluationRelease{1})
              .Close(2)
              .Message(Leave{})
              .Take(),
          Script().Connect(3).Frame(3, FrameKind::kHello, Hello{"wrong!", 1, 7, true, {}}).Take()};
}

}  // namespace

std::vector<FuzzTarget> ShardTargets() {
  FuzzTarget target{.name = "shard", .read = [](auto input, std::string& why) {
                      why = Player(input).Play();
                      return true;
                    }};
  target.seeds = Scripts();
  target.words = {std::string("\6\0\0\0secret", 10)};
  target.memory_constant = std::size_t{1} << 20U;
  target.max_bytes = 1024;
  return {target};
}

}  // namespace stillhouse::fuzz
