#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/actor.h"
#include "actors/chunk_writer.h"
#include "actors/env/environment_factory.h"
#include "actors/env/vector_environment.h"
#include "common/base/action_mask.h"
#include "common/base/rng.h"
#include "common/config/config_print.h"
#include "common/model/native_network.h"
#include "common/model/parameters.h"
#include "common/net/event_loop.h"
#include "common/net/tcp_transport.h"
#include "replay/chunk.h"
#include "replay/driver/threaded_device.h"
#include "replay/log/posix_storage.h"
#include "replay/shard.h"

/// What the benchmarks of the worker plane share: a real shard on loopback, a worker, figures.
namespace stillhouse::bench {

inline constexpr const char* kToken = "bench";
inline constexpr std::size_t kEnvironments = 32;
using Bytes = std::vector<std::uint8_t>;

inline double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

inline void Print(const std::string& name, const std::vector<double>& values,
                  const std::string& unit, bool higher_is_better, const std::string& conditions) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  fmt::print(
      "{{\"name\": \"{}\", \"value\": {:.6g}, \"unit\": \"{}\", \"higher_is_better\": {}, "
      "\"conditions\": \"{}; median of {}, {:.6g} to {:.6g}\"}}\n",
      name, Median(values), unit, higher_is_better, conditions, values.size(), *low, *high);
  std::fflush(stdout);
}

inline RunConfig BreakoutConfig() {
  RunConfig config;
  config.env.id = "minatar/breakout";
  config.actors.workers = 1;
  config.actors.exploration = {.from = 0.02, .to = 0.02, .frames = 1};
  config.replay.shards = 1;
  config.stop.frames = 1000000000;
  config.teacher.network = {{.kind = LayerKind::kConv2d, .units = 16, .kernel = 3},
                            {.kind = LayerKind::kRelu},
                            {.kind = LayerKind::kFlatten},
                            {.kind = LayerKind::kLinear, .units = 128},
                            {.kind = LayerKind::kRelu},
                            {.kind = LayerKind::kQHead, .dueling = true}};
  return config;
}

inline EnvironmentSpec BreakoutSpec() {
  return actors::MakeEnvironment("minatar/breakout")->Spec();
}

inline NetworkSpec TeacherSpec() {
  const auto spec = BreakoutSpec();
  return NetworkSpec::Create(BreakoutConfig().teacher.network, spec.observation, spec.num_actions);
}

inline std::vector<float> TeacherParameters() {
  Rng rng(3);
  return InitialParameters(TeacherSpec(), rng);
}

/// A real shard with its server, in its own thread, that may store as much as comes.
class ShardThread final : public TcpHandler, public replay::WorkerOutbox {
 public:
  /// `folder`: keeps a log there, acknowledging what is written (async); empty: keeps none.
  /// `quiet`: what is refused is not worth a line.
  explicit ShardThread(const std::filesystem::path& folder = {}, bool quiet = false)
      : quiet_(quiet),
        storage_(folder.empty() ? nullptr : std::make_unique<replay::PosixStorage>(folder)),
        device_(!storage_
                    ? nullptr
                    : std::make_unique<replay::ThreadedDevice>(
                          *storage_, false, [this] { loop_.Post([this] { shard_.Settle(); }); })),
        shard_(Settings(), *this, {storage_.get(), device_.get()}),
        server_(loop_, {}, *this, quiet ? [](const std::string&) {} : Complain) {
    Kept kept;
    const auto hand_over = [&](const auto& body) {
      SendTo(kept, kCoordinatorAddress, shard_.Address(), body);
      shard_.Handle(kept.envelopes.back(), Time{}, kept);
    };
    hand_over(InsertGrant{~std::uint64_t{0}});
    hand_over(WeightsPublish{0, 1, 0, TeacherParameters()});
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        loop_.RunOnce(std::chrono::milliseconds(2));
        Kept unheard;
        shard_.Tick(clock_.Now(), unheard);
      }
    });
  }
  ~ShardThread() override {
    thread_ = {};
    device_.reset();
  }
  std::string Address() const { return server_.Address(); }
  std::atomic<int> greeted{0};  ///< Hellos that named an environment
  std::atomic<int> chunks{0};

 private:
  struct Kept final : Outbox {
    void Send(Envelope envelope) override { envelopes.push_back(std::move(envelope)); }
    std::vector<Envelope> envelopes;
  };
  static void Complain(const std::string& line) { fmt::print(stderr, "{}\n", line); }
  static replay::ShardSettings Settings() {
    replay::ShardSettings settings;
    settings.config = BreakoutConfig();
    settings.config_yaml = PrintConfig(settings.config);
    settings.environment = BreakoutSpec();
    settings.token = kToken;
    return settings;
  }
  void OnConnect(ConnectionId id, const std::string&) override {
    shard_.OnConnect(id, clock_.Now());
  }
  void OnFrame(ConnectionId id, std::uint8_t kind, std::span<const std::uint8_t> body) override {
    Kept unheard;
    const auto frame = static_cast<FrameKind>(kind);
    shard_.OnFrame(id, frame, {body.begin(), body.end()}, clock_.Now(), unheard);
    if (frame == FrameKind::kChunk) chunks.fetch_add(1, std::memory_order_relaxed);
    if (frame == FrameKind::kHello) ++greeted;
  }
  void OnDisconnect(ConnectionId id, const std::string&) override {
    shard_.OnDisconnect(id, clock_.Now());
  }
  void Send(ConnectionId connection, FrameKind kind, Bytes body) override {
    const ConnectionId id = connection;
    if (kind == FrameKind::kWelcome) server_.MarkAuthenticated(id);
    server_.Send(id, static_cast<std::uint8_t>(kind), body);
  }
  void SendShared(ConnectionId connection, FrameKind kind, const SharedBytes& body) override {
    server_.Send(connection, static_cast<std::uint8_t>(kind), body);
  }
  void Close(ConnectionId connection, std::string_view reason) override {
    if (!quiet_) Complain(std::string(reason));
    server_.Close(connection, std::string(reason));
  }
  void SetReading(ConnectionId connection, bool reading) override {
    server_.SetReading(connection, reading);
  }

  const bool quiet_;
  SteadyClock clock_;
  EventLoop loop_;
  std::unique_ptr<replay::PosixStorage> storage_;
  std::unique_ptr<replay::ThreadedDevice> device_;
  replay::Shard shard_;
  TcpServer server_;
  std::jthread thread_;
};

// ---- actor.efficiency --------------------------------------------------------------------------

/// A worker without its process: the real Actor on a real connection, driven as actor_driver does.
class Worker final : public TcpHandler, public actors::ShardLinks {
 public:
  explicit Worker(const std::string& address)
      : actor_({.incarnation = 99, .slots = 1, .token = kToken}),
        client_(loop_, ConnectionId(0), address, {}, *this, [](const std::string&) {}) {}

  double FramesPerSecond(double seconds) {
    Run(0.2);
    const std::uint64_t before = actor_.Frames();
    const double took = Run(seconds);
    return static_cast<double>(actor_.Frames() - before) / took;
  }

 private:
  double Run(double seconds) {
    const Time start = clock_.Now();
    Time now = start;
    while (Seconds(now - start) < seconds) {
      loop_.RunOnce(std::chrono::nanoseconds::zero());
      bool more = true;
      const Time slice = now;
      while (more && now - slice < std::chrono::microseconds(500)) {
        more = actor_.Advance(now, *this);
        now = clock_.Now();
      }
      if (!more) loop_.RunOnce(std::chrono::milliseconds(2));
      now = clock_.Now();
    }
    return Seconds(now - start);
  }
  void OnConnect(ConnectionId, const std::string&) override {
    ByteWriter body;
    actor_.MakeHello(0).Encode(body);
    Send(0, FrameKind::kHello, body.Take());
  }
  void OnFrame(ConnectionId, std::uint8_t kind, std::span<const std::uint8_t> body) override {
    actor_.OnFrame(0, static_cast<FrameKind>(kind), body, clock_.Now(), *this);
  }
  void OnDisconnect(ConnectionId, const std::string&) override { actor_.OnDisconnect(0); }
  void Send(std::uint32_t, FrameKind kind, Bytes body) override {
    client_.Send(static_cast<std::uint8_t>(kind), body);
  }

  SteadyClock clock_;
  EventLoop loop_;
  actors::Actor actor_;
  TcpClient client_;
};

}  // namespace stillhouse::bench
