#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/loopback_shard.h"
#include "common/base/error.h"
#include "common/net/frame.h"

/// Workers that are nothing but their connection.
namespace stillhouse::bench {

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
  static Bytes FrameOf(FrameKind kind, const Bytes& body) {
    const auto header = MakeFrameHeader(static_cast<std::uint8_t>(kind), body);
    Bytes frame(header.begin(), header.end());
    frame.insert(frame.end(), body.begin(), body.end());
    return frame;
  }
  void Send(FrameKind kind, const Bytes& body) { SendRaw(FrameOf(kind, body)); }
  template <typename Body>
  void Send(FrameKind kind, const Body& body) {
    ByteWriter writer;
    body.Encode(writer);
    Send(kind, writer.Take());
  }
  void AwaitBytes(std::size_t count) {
    std::array<std::uint8_t, 4096> buffer;
    while (count > 0) {
      const ssize_t got = recv(fd_, buffer.data(), std::min(buffer.size(), count), 0);
      SH_CHECK(got > 0, "the other end has closed");
      count -= static_cast<std::size_t>(got);
    }
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

inline Hello HelloOf(std::uint64_t incarnation, const std::string& token) {
  static const EnvironmentSpec spec = BreakoutSpec();
  return {token, kWorkerProtocolVersion, incarnation, false, spec};
}

inline Bytes ChunkOf(std::uint64_t incarnation, std::uint64_t sequence) {
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

/// Chunks a second of the honest ones, each of which waits for its acknowledgement.
class HonestWorkers {
 public:
  HonestWorkers(const std::string& address, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
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

}  // namespace stillhouse::bench
