// actor.efficiency, replay.insert_per_s, footprint.worker_rss_mib, footprint.worker_start_ms.
// Everything over loopback TCP against a real shard in a thread of its own. --quick: fewer repeats.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
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
#include "bench/loopback_shard.h"
#include "common/base/action_mask.h"
#include "common/base/rng.h"
#include "common/config/config_print.h"
#include "common/model/native_network.h"
#include "common/model/parameters.h"
#include "common/net/event_loop.h"
#include "common/net/tcp_transport.h"
#include "replay/chunk.h"
#include "replay/shard.h"

namespace stillhouse {
namespace {

using namespace bench;  // NOLINT(google-build-using-namespace)

/// Seconds a frame of the environment and of inference, timed apart in a bare acting loop with
/// the worker's own policy, batch and network.
std::pair<double, double> BareSeconds(double seconds) {
  std::vector<std::unique_ptr<actors::Environment>> made;
  std::vector<std::uint64_t> seeds;
  for (std::size_t e = 0; e < kEnvironments; ++e) {
    made.push_back(actors::MakeEnvironment("minatar/breakout"));
    seeds.push_back(e);
  }
  actors::VectorEnvironment environments(std::move(made));
  environments.Reset(seeds);
  NativeNetwork network(TeacherSpec());
  network.SetParameters(TeacherParameters());
  const auto actions = static_cast<std::size_t>(environments.Spec().num_actions);
  std::vector<float> q(kEnvironments * actions);
  std::vector<std::int32_t> chosen(kEnvironments);
  Rng rng(5);
  const auto now = [] { return std::chrono::steady_clock::now(); };
  const auto span = [](auto from, auto to) {
    return std::chrono::duration<double>(to - from).count();
  };
  double env = 0;
  double inference = 0;
  double frames = 0;
  const auto start = now();
  while (span(start, now()) < seconds) {
    const auto t0 = now();
    network.Forward(environments.Observations(), kEnvironments, q);
    const auto t1 = now();
    for (std::size_t e = 0; e < kEnvironments; ++e) {
      chosen[e] = rng.Uniform() < 0.02
                      ? static_cast<std::int32_t>(rng.Below(actions))
                      : static_cast<std::int32_t>(
                            GreedyAction(std::span<const float>(q).subspan(e * actions, actions)));
    }
    const auto t2 = now();
    environments.Step(chosen);
    const auto t3 = now();
    environments.TakeFinishedEpisodes();
    inference += span(t0, t1);
    env += span(t2, t3);
    frames += kEnvironments;
  }
  return {env / frames, inference / frames};
}

void Efficiency(int repeats, double seconds) {
  ShardThread shard;
  Worker worker(shard.Address());
  worker.FramesPerSecond(0.5);
  std::vector<double> ratios;
  std::vector<double> rates;
  for (int i = 0; i < repeats; ++i) {
    const auto [env, inference] = BareSeconds(seconds);
    const double rate = worker.FramesPerSecond(seconds);
    rates.push_back(rate);
    ratios.push_back(rate * (env + inference));
  }
  Print("actor.efficiency", ratios, "ratio", true,
        fmt::format("breakout, conv16-fc128 dueling, 32 environments, chunks of 32, n 3, real "
                    "shard over loopback TCP in another thread; {:.0f} frames/s",
                    Median(rates)));
}

// ---- replay.insert_per_s -----------------------------------------------------------------------

/// Sends chunks as fast as they are acknowledged, with a fixed number on the way.
class Flood final : public TcpHandler {
 public:
  static constexpr std::uint64_t kInFlight = 256;
  static constexpr std::uint32_t kItems = 32;

  explicit Flood(const std::string& address)
      : spec_(BreakoutSpec()),
        client_(loop_, ConnectionId(0), address, {}, *this, [](const std::string&) {}) {
    MakeChunks();
  }

  double TransitionsPerSecond(double seconds) {
    const auto start = clock_.Now();
    const auto before = acknowledged_;
    while (Seconds(clock_.Now() - start) < seconds) {
      while (ready_ && sent_ - acknowledged_ < kInFlight) SendOne();
      loop_.RunOnce(std::chrono::milliseconds(1));
    }
    return static_cast<double>((acknowledged_ - before) * kItems) / Seconds(clock_.Now() - start);
  }

 private:
  /// Real breakout experience, so that the observations are what they are.
  void MakeChunks() {
    const auto packed = static_cast<std::size_t>(spec_.observation.PackedBytes());
    actors::ChunkWriter writer({packed, kItems, 3, 0.99}, kItems);
    auto environment = actors::MakeEnvironment("minatar/breakout");
    environment->Seed(1);
    environment->Reset();
    Rng rng(2);
    Bytes observation(packed);
    while (chunks_.size() < 64) {
      environment->Observe(observation);
      auto chunk = writer.AddState(observation, static_cast<float>(rng.Uniform()), 1);
      if (chunk) chunks_.push_back(std::move(*chunk));
      const auto action = static_cast<std::int32_t>(rng.Below(6));
      const auto result = environment->Step(action);
      writer.AddStep(action, 0, result.reward, result.terminated ? replay::kTerminated : 0);
      if (result.Done()) environment->Reset();
    }
  }
  void SendOne() {
    replay::ExperienceChunk& chunk = chunks_[sent_ % chunks_.size()];
    chunk.incarnation = kIncarnation;
    chunk.sequence = ++sent_;
    chunk.first_item = (sent_ - 1) * kItems;
    client_.Send(static_cast<std::uint8_t>(FrameKind::kChunk), chunk.Encode(spec_));
  }
  void OnConnect(ConnectionId, const std::string&) override {
    Hello hello;
    hello.token = kToken;
    hello.incarnation = kIncarnation;
    hello.environment = spec_;
    ByteWriter body;
    hello.Encode(body);
    client_.Send(static_cast<std::uint8_t>(FrameKind::kHello), body.Take());
  }
  void OnFrame(ConnectionId, std::uint8_t kind, std::span<const std::uint8_t> body) override {
    ByteReader reader(body, "frame");
    if (static_cast<FrameKind>(kind) == FrameKind::kWelcome) ready_ = true;
    if (static_cast<FrameKind>(kind) == FrameKind::kAck) {
      acknowledged_ = Ack::Decode(reader).sequence;
    }
  }
  void OnDisconnect(ConnectionId, const std::string& reason) override {
    fmt::print(stderr, "insert: disconnected: {}\n", reason);
    ready_ = false;
  }

  static constexpr std::uint64_t kIncarnation = 7;
  SteadyClock clock_;
  EventLoop loop_;
  EnvironmentSpec spec_;
  TcpClient client_;
  std::vector<replay::ExperienceChunk> chunks_;
  bool ready_ = false;
  std::uint64_t sent_ = 0;
  std::uint64_t acknowledged_ = 0;
};

void Inserts(int repeats, double seconds) {
  // Beside the programs: a temporary directory may be memory.
  const std::filesystem::path folder =
      std::filesystem::path(STILLHOUSE_BINARY_DIR) / fmt::format("insert-bench-{}", getpid());
  std::vector<double> rates;
  std::vector<double> ratios;
  {
    ShardThread logged(folder);
    ShardThread memory;
    Flood to_log(logged.Address());
    Flood to_memory(memory.Address());
    to_log.TransitionsPerSecond(0.3);
    to_memory.TransitionsPerSecond(0.3);
    for (int i = 0; i < repeats; ++i) {
      rates.push_back(to_log.TransitionsPerSecond(seconds));
      ratios.push_back(rates.back() / to_memory.TransitionsPerSecond(seconds));
    }
  }
  std::filesystem::remove_all(folder);
  const std::string conditions =
      "breakout, one real shard of 1 M items over loopback TCP, chunks of 32 encoded while "
      "sending, "
      "durability async, its log on the disk of this machine; sender and shard on a core each, the "
      "log's thread on whichever has time";
  Print("replay.insert_per_s", rates, "transitions/s", true, conditions);
  Print("replay.insert_vs_memory", ratios, "ratio", true,
        conditions + "; against durability none, in turns");
}

// ---- footprint.* -------------------------------------------------------------------------------

double ResidentMib(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

void Footprint(int repeats) {
  std::string program = STILLHOUSE_BINARY_DIR "/stillhouse-worker";
  if (access(program.c_str(), X_OK) != 0) {
    fmt::print(stderr, "{} is not built: no footprint\n", program);
    return;
  }
  std::vector<double> starts;
  std::vector<double> sizes;
  for (int i = 0; i < repeats; ++i) {
    ShardThread shard;
    std::string address = shard.Address();
    std::string connect = "--connect";
    std::vector<char*> arguments = {program.data(), connect.data(), address.data(), nullptr};
    std::string token = fmt::format("STILLHOUSE_TOKEN={}", kToken);
    std::vector<char*> environment = {token.data(), nullptr};
    const auto start = std::chrono::steady_clock::now();
    pid_t pid = 0;
    if (posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments.data(),
                    environment.data()) != 0) {
      return;
    }
    const auto since = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    };
    while (shard.chunks == 0 && since() < 10) usleep(200);
    starts.push_back(since() * 1000);
    while (since() < 2) usleep(10000);
    sizes.push_back(ResidentMib(pid));
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  Print("footprint.worker_start_ms", starts, "ms", false,
        "spawn of stillhouse-worker until its first chunk is at the shard, breakout");
  Print("footprint.worker_rss_mib", sizes, "MiB", false,
        "VmRSS of stillhouse-worker after 2 s of play with weights, 32 breakout environments");
}

}  // namespace
}  // namespace stillhouse

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::strcmp(argv[1], "--quick") == 0;
  const int repeats = quick ? 3 : 7;
  const double seconds = quick ? 0.5 : 1.5;
  stillhouse::Efficiency(repeats, seconds);
  stillhouse::Inserts(repeats, seconds);
  stillhouse::Footprint(quick ? 1 : 5);
  return 0;
}
