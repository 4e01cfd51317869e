// replay.connections_500_fraction: chunks a second of 8 honest workers on one shard while 492 other
// connections are slow, half-open, garbage or without the token, as a share of what they get alone.
// `--quick`: fewer and shorter repeats.
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/loopback_shard.h"
#include "common/base/error.h"
#include "common/net/descriptor_limit.h"
#include "common/net/frame.h"
#include "common/telemetry/process_stats.h"

namespace stillhouse::bench {
namespace {

constexpr int kHonest = 8;
constexpr int kSlow = 150;
constexpr int kHalfOpen = 120;
constexpr int kGarbage = 120;
constexpr int kWithoutToken = 102;
constexpr double kSettleSeconds = 3;

/// One end of a connection, without rules.
class Peer {
 public:
  explicit Peer(const std::string& address) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(HostPort::Parse(address).port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SH_CHECK(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0, "{}",
             std::strerror(errno));
  }
  ~Peer() {
    if (fd_ >= 0) close(fd_);
  }
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void SendRaw(std::span<const std::uint8_t> bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
      const ssize_t sent = send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      if (sent <= 0) return;  // closed, as it should be
      at += static_cast<std::size_t>(sent);
    }
  }
  void Send(FrameKind kind, const Bytes& body) {
    const auto header = MakeFrameHeader(static_cast<std::uint8_t>(kind), body);
    Bytes frame(header.begin(), header.end());
    frame.insert(frame.end(), body.begin(), body.end());
    SendRaw(frame);
  }
  template <typename Body>
  void Send(FrameKind kind, const Body& body) {
    ByteWriter writer;
    body.Encode(writer);
    Send(kind, writer.Take());
  }
  void AwaitAck() {
    std::array<std::uint8_t, 65536> buffer;
    while (true) {
      while (const auto frame = parser_.Next()) {
        if (static_cast<FrameKind>(frame->kind) == FrameKind::kAck) return;
      }
      const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
      SH_CHECK(got > 0, "the shard has closed an honest worker");
      parser_.Append(std::span(buffer).first(static_cast<std::size_t>(got)));
    }
  }

 private:
  int fd_;
  FrameParser parser_{std::size_t{64} << 20U};
};

Hello HelloOf(std::uint64_t incarnation, const std::string& token) {
  static const EnvironmentSpec spec = BreakoutSpec();
  return {token, kWorkerProtocolVersion, incarnation, false, spec};
}

Bytes ChunkOf(std::uint64_t incarnation, std::uint64_t sequence) {
  constexpr std::size_t kItems = 32;
  constexpr std::size_t kSteps = kItems + 2;
  replay::ExperienceChunk chunk;
  chunk.incarnation = incarnation;
  chunk.sequence = sequence;
  chunk.first_item = sequence * kItems;
  chunk.actions.assign(kSteps, 1);
  chunk.rewards.assign(kSteps, 0);
  chunk.flags.assign(kSteps, 0);
  chunk.td_errors.assign(kItems, 0.5F);
  static const EnvironmentSpec spec = BreakoutSpec();
  chunk.observations.assign((kSteps + 1) * static_cast<std::size_t>(spec.observation.PackedBytes()),
                            0);
  return chunk.Encode(spec);
}

/// 492 that mean no good. They come again and again, as long as it lives.
class Crowd {
 public:
  explicit Crowd(const std::string& address) : address_(address) {
    std::uint64_t incarnation = 1000;
    for (int i = 0; i < kSlow; ++i) {
      auto& peer = peers_.emplace_back(address_);
      peer.Send(FrameKind::kHello, HelloOf(++incarnation, kToken));
      for (int k = 0; k < 100; ++k) peer.Send(FrameKind::kWeightsRequest, WeightsRequest{0, 0});
    }
    Strangers();
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        std::this_thread::sleep_for(std::chrono::seconds(1));
        while (peers_.size() > kSlow) peers_.pop_back();
        Strangers();
      }
    });
  }

 private:
  void Strangers() {
    const auto header = MakeFrameHeader(0, Bytes(100));
    const Bytes garbage(2000, 0xa5);
    for (int i = 0; i < kHalfOpen; ++i) {
      peers_.emplace_back(address_).SendRaw(std::span(header).first(9));
    }
    for (int i = 0; i < kGarbage; ++i) peers_.emplace_back(address_).SendRaw(garbage);
    for (int i = 0; i < kWithoutToken; ++i) {
      peers_.emplace_back(address_).Send(FrameKind::kHello, HelloOf(1, "guess"));
    }
  }

  const std::string address_;
  std::vector<Peer> peers_;
  std::jthread thread_;
};

/// Chunks a second of the honest ones, each of which waits for its acknowledgement.
class Honest {
 public:
  explicit Honest(const std::string& address) {
    for (std::size_t i = 0; i < kHonest; ++i) {
      peers_.emplace_back(address).Send(FrameKind::kHello, HelloOf(i + 1, kToken));
    }
  }
  double ChunksPerSecond(double seconds) {
    const auto start = std::chrono::steady_clock::now();
    std::uint64_t chunks = 0;
    double took = 0;
    while (took < seconds) {
      ++sequence_;
      for (std::size_t i = 0; i < peers_.size(); ++i) {
        peers_[i].Send(FrameKind::kChunk, ChunkOf(i + 1, sequence_));
      }
      for (Peer& peer : peers_) peer.AwaitAck();
      chunks += peers_.size();
      took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    return static_cast<double>(chunks) / took;
  }

 private:
  std::vector<Peer> peers_;
  std::uint64_t sequence_ = 0;
};

void Run(bool quick) {
  AllowDescriptors(4096);
  const double seconds = quick ? 0.5 : 3;
  std::vector<double> fractions;
  std::vector<double> megabytes;
  for (int repeat = 0; repeat < (quick ? 3 : 7); ++repeat) {
    ShardThread shard({}, /*quiet=*/true);
    Honest honest(shard.Address());
    honest.ChunksPerSecond(seconds / 4);
    const double alone = honest.ChunksPerSecond(seconds);
    const std::uint64_t before = ProcessRssBytes();
    const Crowd crowd(shard.Address());
    // First the slow readers are served what they and the kernel have room for.
    honest.ChunksPerSecond(kSettleSeconds);
    fractions.push_back(honest.ChunksPerSecond(seconds) / alone);
    const std::uint64_t after = ProcessRssBytes();
    megabytes.push_back(static_cast<double>(after - std::min(before, after)) / 1e6);
  }
  const std::string conditions = fmt::format(
      "one shard on loopback; {} honest workers with {} slow readers, {} half-open, {} of garbage "
      "and "
      "{} without the token, the last three anew every second; from {} s on, as a share of the {} "
      "alone",
      kHonest, kSlow, kHalfOpen, kGarbage, kWithoutToken, kSettleSeconds, kHonest);
  Print("replay.connections_500_fraction", fractions, "ratio", true, conditions);
  Print("replay.connections_500_mb", megabytes, "MB", false,
        "growth of the process by then, both ends of all connections in it");
}

}  // namespace
}  // namespace stillhouse::bench

int main(int argc, char** argv) {
  stillhouse::bench::Run(argc > 1 && std::string(argv[1]) == "--quick");
  return 0;
}
