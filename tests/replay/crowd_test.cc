// Five hundred connections on one shard, most of them slow, half-open, garbage or without the
// token.
#include <array>
#include <atomic>
#include <thread>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/rng.h"
#include "common/messages/labels.h"
#include "common/net/frame.h"
#include "common/telemetry/process_stats.h"
#include "replay/driver/shard_driver.h"
#include "tests/replay/chunk_maker.h"

namespace stillhouse::replay {
namespace {

using Bytes = std::vector<std::uint8_t>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
constexpr int kHonest = 8;
constexpr int kSlow = 150;
constexpr int kHalfOpen = 120;
constexpr int kGarbage = 120;
constexpr int kWithoutToken = 102;
static_assert(kHonest + kSlow + kHalfOpen + kGarbage + kWithoutToken == 500);
constexpr std::uint64_t kChunks = 20;  ///< of each honest worker
constexpr std::uint32_t kItems = 10;
/// A teacher of the size of breakout's, so that a slow reader has something to leave lying.
constexpr std::size_t kParameters = 133000;

/// A shard as a rank runs it, in a thread.
class ShardOnLoopback final : public Outbox {
 public:
  ShardOnLoopback() : driver_(Settings(), loop_, "127.0.0.1:0", clock_, Count(this)) {
    const auto hand_over = [&](const auto& body) {
      ByteWriter writer;
      body.Encode(writer);
      driver_.Handle({kCoordinatorAddress, driver_.Address(), body.kKind, writer.Take()},
                     clock_.Now(), *this);
    };
    hand_over(InsertGrant{~std::uint64_t{0}});
    hand_over(WeightsPublish{0, 1, 0, std::vector<float>(kParameters, 0.5F)});
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        loop_.RunOnce(std::chrono::milliseconds(2));
        driver_.Tick(clock_.Now(), *this);
      }
    });
  }
  std::uint16_t Port() const { return HostPort::Parse(address_).port; }
  std::uint64_t Stored() const { return stored_; }
  int LogLines() const { return lines_; }

 private:
  static ShardSettings Settings() {
    ShardSettings settings;
    settings.config.replay.capacity = 100000;
    settings.config.replay.durability = Durability::kNone;
    settings.environment = CounterSpec();
    settings.token = "secret";
    return settings;
  }
  static NetLog Count(ShardOnLoopback* self) {
    return [self](const std::string&) { ++self->lines_; };
  }
  void Send(Envelope envelope) override {
    if (envelope.kind == MessageKind::kShardReport) {
      stored_ = DecodeBody<ShardReport>(envelope).frames;
    }
  }

  SteadyClock clock_;
  std::atomic<int> lines_{0};
  std::atomic<std::uint64_t> stored_{0};
  EventLoop loop_;
  ShardDriver driver_;
  const std::string address_ = driver_.ListenAddress();
  std::jthread thread_;
};

/// One end of a connection, without rules.
class Peer {
 public:
  explicit Peer(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // EAGAIN, EINPROGRESS: a full backlog is tried again by the kernel.
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    const timeval limit{20, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  }
  ~Peer() { close(fd_); }
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void SendRaw(std::span<const std::uint8_t> bytes) {
    send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
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
  /// The kinds of frames until one of `last` has come, or the end.
  std::vector<FrameKind> ReadUntil(FrameKind last) {
    std::vector<FrameKind> kinds;
    Bytes buffer(65536);
    while (true) {
      while (const auto frame = parser_.Next()) {
        kinds.push_back(static_cast<FrameKind>(frame->kind));
        if (kinds.back() == last) return kinds;
      }
      const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
      if (got <= 0) {
        ended = got == 0 || errno == ECONNRESET;
        return kinds;
      }
      parser_.Append(std::span(buffer).first(static_cast<std::size_t>(got)));
    }
  }
  bool ended = false;  ///< by the other side

 private:
  int fd_;
  FrameParser parser_{std::size_t{64} << 20U};
};

Hello HelloOf(std::uint64_t incarnation, const std::string& token) {
  return {token, kWorkerProtocolVersion, incarnation, false, CounterSpec()};
}

class CrowdTest : public ::testing::Test {
 protected:
  std::vector<Peer> Dial(int count) {
    std::vector<Peer> peers;
    for (int i = 0; i < count; ++i) peers.emplace_back(shard_.Port());
    return peers;
  }
  /// Takes the weights' size several times over, and reads none of it.
  std::vector<Peer> SlowReaders() {
    auto peers = Dial(kSlow);
    std::uint64_t incarnation = 1000;
    for (Peer& peer : peers) {
      peer.Send(FrameKind::kHello, HelloOf(++incarnation, "secret"));
      for (int i = 0; i < 100; ++i) peer.Send(FrameKind::kWeightsRequest, WeightsRequest{0, 0});
    }
    return peers;
  }
  std::vector<Peer> HalfOpen() {
    auto peers = Dial(kHalfOpen);
    const auto header = MakeFrameHeader(0, Bytes(100));
    for (Peer& peer : peers) peer.SendRaw(std::span(header).first(9));
    return peers;
  }
  std::vector<Peer> Garbage() {
    auto peers = Dial(kGarbage);
    Rng rng(1);
    for (Peer& peer : peers) {
      Bytes bytes(2000);
      for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng());
      peer.SendRaw(bytes);
    }
    return peers;
  }
  std::vector<Peer> WithoutToken() {
    auto peers = Dial(kWithoutToken);
    for (Peer& peer : peers) {
      peer.Send(FrameKind::kHello, HelloOf(1, "guess!"));
      peer.Send(FrameKind::kWeightsRequest, WeightsRequest{0, 0});
    }
    return peers;
  }

  ShardOnLoopback shard_;
};

TEST_F(CrowdTest, HonestWorkersAreServedInACrowdOfFiveHundred) {
  const std::uint64_t before = ProcessRssBytes();
  const auto slow = SlowReaders();
  auto half_open = HalfOpen();
  auto garbage = Garbage();
  auto without_token = WithoutToken();
  auto honest = Dial(kHonest);
  for (std::size_t i = 0; i < honest.size(); ++i) {
    honest[i].Send(FrameKind::kHello, HelloOf(i + 1, "secret"));
    EXPECT_THAT(honest[i].ReadUntil(FrameKind::kWelcome), ::testing::Contains(FrameKind::kWelcome));
  }
  for (std::uint64_t sequence = 1; sequence <= kChunks; ++sequence) {
    for (std::size_t i = 0; i < honest.size(); ++i) {
      honest[i].Send(FrameKind::kChunk,
                     MakeChunk(i + 1, sequence, sequence * kItems, kItems).Encode(CounterSpec()));
    }
    for (Peer& peer : honest) {
      EXPECT_THAT(peer.ReadUntil(FrameKind::kAck), ::testing::Contains(FrameKind::kAck));
    }
  }
  const std::uint64_t grown = ProcessRssBytes() - before;

  for (Peer& peer : without_token) {
    EXPECT_THAT(peer.ReadUntil(FrameKind::kGoodbye), ::testing::ElementsAre(FrameKind::kRefused));
    EXPECT_TRUE(peer.ended);
  }
  for (Peer& peer : garbage) {
    EXPECT_THAT(peer.ReadUntil(FrameKind::kGoodbye), ::testing::IsEmpty());
    EXPECT_TRUE(peer.ended);
  }
  for (Peer& peer : half_open) {  // at the handshake's deadline
    EXPECT_THAT(peer.ReadUntil(FrameKind::kGoodbye), ::testing::IsEmpty());
    EXPECT_TRUE(peer.ended);
  }
  EXPECT_EQ(shard_.Stored(), kHonest * kChunks * kItems);
  EXPECT_LT(shard_.LogLines(), 150) << "strangers fill the log";
  // Of 150 slow readers, each of which has asked for 53 MB.
  std::printf("memory grew by %.1f MB\n", static_cast<double>(grown) / 1e6);
  if (!kSanitized) {
    EXPECT_LT(grown, 100U << 20U);
  }
}

}  // namespace
}  // namespace stillhouse::replay
