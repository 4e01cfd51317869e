#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/net/event_loop.h"

namespace stillhouse {

/// A body that several connections may send at the same time (weights).
using SharedBytes = std::shared_ptr<const std::vector<std::uint8_t>>;

/// What a transport tells its owner; called from EventLoop::RunOnce alone, never from within the
/// owner's own call. A handler that throws WireError has its connection closed with that reason.
class TcpHandler {
 public:
  virtual ~TcpHandler() = default;
  /// peer: "host:port", for log lines.
  virtual void OnConnect(ConnectionId connection, const std::string& peer) = 0;
  /// body is borrowed for the call.
  virtual void OnFrame(ConnectionId connection, std::uint8_t kind,
                       std::span<const std::uint8_t> body) = 0;
  /// Once for every OnConnect, also after the owner's own Close (not after its destruction).
  virtual void OnDisconnect(ConnectionId connection, const std::string& reason) = 0;
};

/// One line about a connection: refused, closed for misbehaviour, too slow.
using NetLog = std::function<void(const std::string& line)>;

/// "host:port", or throws ConfigError. "[::1]:80" for IPv6.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  static HostPort Parse(std::string_view text);
  std::string ToString() const;
};

/// Strangers cost little, whatever they do: a stranger is a connection before MarkAuthenticated.
struct TcpServerOptions {
  std::string listen = "127.0.0.1:0";       ///< port 0: any free one
  std::size_t max_connections = 2048;       ///< further ones are closed at once and logged...
  std::size_t max_strangers = 256;          ///< ...but strangers make room: the oldest one goes
  std::size_t handshake_body_bytes = 4096;  ///< largest body of a stranger
  std::chrono::milliseconds handshake_deadline{10000};
  std::size_t max_body_bytes = 64U << 20U;  ///< of the others
  /// Unsent output of a connection above which its frames are left unread: who asks must take.
  std::size_t hold_above_bytes = 1U << 20U;
  std::size_t max_queued_bytes = 16U << 20U;  ///< unsent output above one frame; more: closed
  /// Unsent output of all connections; above it the one with the most is closed.
  std::size_t max_total_queued_bytes = 512U << 20U;
  /// A peer that takes none of its output for so long, or whose host does not answer, is closed.
  std::chrono::milliseconds stall_limit{60000};
  /// A peer whose machine has answered nothing for so long is lost; 0: after stall_limit.
  std::chrono::milliseconds peer_timeout{0};
};

/// Accepts connections and exchanges frames. Owned and used by the event loop's thread.
class TcpServer {
 public:
  /// Listens at once. Throws ConfigError naming the address when it is taken or no address.
  TcpServer(EventLoop& loop, TcpServerOptions options, TcpHandler& handler, NetLog log);
  ~TcpServer();

  /// Where it listens, with the real port.
  std::string Address() const;

  /// Before this call a connection is bound to small frames and to the deadline.
  void MarkAuthenticated(ConnectionId connection);

  /// Queues a frame; it leaves in a later RunOnce. False: that connection is gone (or was just
  /// closed for its full queue).
  bool Send(ConnectionId connection, std::uint8_t kind, std::span<const std::uint8_t> body);
  bool Send(ConnectionId connection, std::uint8_t kind, SharedBytes body);

  /// false: no further frames are delivered or read (TCP holds the peer back) until true. May be
  /// called from within OnFrame; frames that were already read are kept.
  void SetReading(ConnectionId connection, bool reading);

  /// What is queued is still sent (for one second at most), then the connection closes.
  void Close(ConnectionId connection, const std::string& reason);

  std::size_t Connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

struct TcpClientOptions {
  std::size_t max_body_bytes = 256U << 20U;
  std::size_t max_queued_bytes = 64U << 20U;
  std::chrono::milliseconds first_retry{50};  ///< doubles up to max_retry, starts anew on success
  std::chrono::milliseconds max_retry{2000};
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds peer_timeout{0};  ///< as the server's
};

/// Keeps one connection to `address` ("host:port"): connects, and connects again whenever it is
/// lost, until destroyed or Close. Owned and used by the event loop's thread.
class TcpClient {
 public:
  /// `id` is what the handler is called with, for every connection that this client makes.
  TcpClient(EventLoop& loop, ConnectionId id, std::string address, TcpClientOptions options,
            TcpHandler& handler, NetLog log);
  ~TcpClient();

  bool Connected() const;
  /// Why there is no connection: "10.0.0.2:4000: Connection refused (7 attempts in 9.8 s)"; empty
  /// while there is one.
  std::string Trouble() const;
  /// False when there is no connection; the frame is dropped.
  bool Send(std::uint8_t kind, std::span<const std::uint8_t> body);
  void SetReading(bool reading);
  /// Drops the present connection (OnDisconnect follows) and connects again after the back-off.
  void Reconnect(const std::string& reason);
  /// Sends what is queued, then closes for good.
  void Close();
  /// Bytes accepted by Send that the kernel has not taken yet.
  std::size_t QueuedBytes() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace stillhouse
