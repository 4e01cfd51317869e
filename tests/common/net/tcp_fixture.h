#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/error.h"
#include "common/net/tcp_transport.h"

namespace stillhouse {

/// Writes down what a transport tells it.
struct Recorder : TcpHandler {
  void OnConnect(ConnectionId connection, const std::string&) override {
    connected.push_back(connection);
  }
  void OnFrame(ConnectionId connection, std::uint8_t kind,
               std::span<const std::uint8_t> body) override {
    if (kind == 99) throw WireError("kind 99 makes no sense");
    frames.emplace_back(kind, std::vector<std::uint8_t>(body.begin(), body.end()));
    if (on_frame) on_frame(connection);
  }
  void OnDisconnect(ConnectionId connection, const std::string& reason) override {
    gone[connection] = reason;
  }
  std::vector<ConnectionId> connected;
  std::deque<std::pair<std::uint8_t, std::vector<std::uint8_t>>> frames;
  std::map<ConnectionId, std::string> gone;
  std::function<void(ConnectionId)> on_frame;
};

/// A server, a client and a log in one loop.
class TcpTransportTest : public ::testing::Test {
 protected:
  template <typename Condition>
  bool RunUntil(Condition condition,
                std::chrono::milliseconds limit = std::chrono::milliseconds(3000)) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      loop.RunOnce(std::chrono::milliseconds(5));
    }
    return true;
  }
  void Listen(const TcpServerOptions& options = {}) {
    server.emplace(loop, options, at_server, [this](const std::string& line) { log += line; });
  }
  void Dial() {
    client.emplace(loop, ConnectionId(7), server->Address(), TcpClientOptions{}, at_client,
                   [](const std::string&) {});
    ASSERT_TRUE(RunUntil([&] { return !at_server.connected.empty() && client->Connected(); }));
  }
  /// A peer that follows no rules.
  int DialRaw() {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(HostPort::Parse(server->Address()).port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    return fd;
  }

  EventLoop loop;
  Recorder at_server;
  Recorder at_client;
  std::string log;
  std::optional<TcpServer> server;
  std::optional<TcpClient> client;
};

}  // namespace stillhouse
