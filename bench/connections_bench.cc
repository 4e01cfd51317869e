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

#include "bench/shard_peer.h"
#include "common/base/error.h"
#include "common/net/descriptor_limit.h"
#include "common/net/frame.h"
#include "common/telemetry/process_stats.h"

namespace stillhouse::bench {
namespace {

constexpr std::size_t kHonest = 8;
constexpr int kSlow = 150;
constexpr int kHalfOpen = 120;
constexpr int kGarbage = 120;
constexpr int kWithoutToken = 102;
constexpr double kSettleSeconds = 3;

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

void Run(bool quick) {
  AllowDescriptors(4096);
  const double seconds = quick ? 0.5 : 3;
  std::vector<double> fractions;
  std::vector<double> megabytes;
  for (int repeat = 0; repeat < (quick ? 3 : 7); ++repeat) {
    ShardThread shard({}, /*quiet=*/true);
    HonestWorkers honest(shard.Address(), kHonest);
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
