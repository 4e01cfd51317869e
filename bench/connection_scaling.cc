// Chunks a second that one shard takes from 1 to 500 workers, each of which waits for its
// acknowledgement before it sends the next, and what the box does when the other end only counts
// bytes and answers. JSON lines. `--quick`: fewer and shorter repeats.
#include <array>
#include <atomic>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <sys/epoll.h>

#include "bench/shard_peer.h"
#include "common/net/descriptor_limit.h"

namespace stillhouse::bench {
namespace {

constexpr std::array kCounts = {1, 2, 4, 8, 16, 32, 64, 125, 250, 500};
constexpr std::size_t kAckBytes = 32;

/// Takes `frame` bytes from a connection and answers with kAckBytes, in a thread of its own.
class Echo {
 public:
  explicit Echo(std::size_t frame) : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    SH_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&at), size) == 0 &&
             listen(listener_, 512) == 0 &&
             getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) == 0);
    address_ = fmt::format("127.0.0.1:{}", ntohs(at.sin_port));
    thread_ = std::jthread([this, frame](const std::stop_token& stop) { Serve(stop, frame); });
  }
  ~Echo() {
    thread_ = {};
    close(listener_);
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;
  const std::string& Address() const { return address_; }

 private:
  void Serve(const std::stop_token& stop, std::size_t frame) const {
    const int poll = epoll_create1(EPOLL_CLOEXEC);
    const auto watch = [&](int fd) {
      epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
      SH_CHECK(epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) == 0);
    };
    watch(listener_);
    std::map<int, std::size_t> received;
    std::array<epoll_event, 64> events{};
    Bytes buffer(1 << 16);
    const Bytes ack(kAckBytes);
    while (!stop.stop_requested()) {
      const int count = epoll_wait(poll, events.data(), events.size(), 2);
      for (int i = 0; i < count; ++i) {
        const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
        if (fd == listener_) {
          const int peer = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
          watch(peer);
          received[peer] = 0;
          continue;
        }
        const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
        if (got <= 0) {
          close(fd);
          received.erase(fd);
          continue;
        }
        std::size_t& bytes = received[fd];
        for (bytes += static_cast<std::size_t>(got); bytes >= frame; bytes -= frame) {
          send(fd, ack.data(), ack.size(), MSG_NOSIGNAL);
        }
      }
    }
    for (const auto& [fd, bytes] : received) close(fd);
    close(poll);
  }

  int listener_;
  std::string address_;
  std::jthread thread_;
};

double EchoesPerSecond(std::size_t connections, double seconds) {
  const Bytes frame = Peer::FrameOf(FrameKind::kChunk, ChunkOf(1, 1));
  const Echo echo(frame.size());
  std::vector<Peer> peers;
  for (std::size_t i = 0; i < connections; ++i) peers.emplace_back(echo.Address());
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t rounds = 0;
  double took = 0;
  while (took < seconds) {
    for (std::size_t i = 0; i < connections; ++i) {
      // As a worker does: each chunk is made, then sent.
      peers[i].Send(FrameKind::kChunk, ChunkOf(i + 1, rounds + 1));
    }
    for (Peer& peer : peers) peer.AwaitBytes(kAckBytes);
    ++rounds;
    took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return static_cast<double>(rounds * connections) / took;
}

double ChunksPerSecond(std::size_t connections, double seconds) {
  ShardThread shard({}, /*quiet=*/true);
  HonestWorkers workers(shard.Address(), connections);
  workers.ChunksPerSecond(seconds / 4);
  return workers.ChunksPerSecond(seconds);
}

void Run(bool quick) {
  AllowDescriptors(4096);
  const double seconds = quick ? 0.2 : 1;
  for (const int count : kCounts) {
    const auto connections = static_cast<std::size_t>(count);
    std::vector<double> chunks, echoes;
    for (int repeat = 0; repeat < (quick ? 3 : 5); ++repeat) {
      chunks.push_back(ChunksPerSecond(connections, seconds));
      echoes.push_back(EchoesPerSecond(connections, seconds));
    }
    Print(fmt::format("connections.{}", count), chunks, "chunks/s", true,
          "one shard on loopback, chunks of 32 transitions of breakout, each worker waits for its "
          "acknowledgement");
    Print(fmt::format("connections.{}.ceiling", count), echoes, "chunks/s", true,
          "the same bytes over as many connections, the other end counts and answers");
  }
}

}  // namespace
}  // namespace stillhouse::bench

int main(int argc, char** argv) {
  stillhouse::bench::Run(argc > 1 && std::string_view(argv[1]) == "--quick");
  return 0;
}
