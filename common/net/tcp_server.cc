#include <set>
#include <unordered_map>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/net/resolve.h"
#include "common/net/tcp_connection.h"
#include "common/net/tcp_transport.h"

namespace stillhouse {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

/// What is in the kernel for a slow reader is lost time for the others, and memory that nobody
/// counts; a peer that reads is kept busy by far less.
constexpr std::size_t kKernelUnsentBytes = std::size_t{256} << 10U;

struct TcpServer::State : TcpConnection::Owner, std::enable_shared_from_this<TcpServer::State> {
  State(EventLoop& event_loop, TcpServerOptions opts, TcpHandler& frame_handler, NetLog net_log)
      : loop(event_loop),
        options(std::move(opts)),
        handler(frame_handler),
        log(std::move(net_log)),
        acceptor(event_loop.Context()) {}

  void Listen() {
    error_code error;
    const HostPort address = HostPort::Parse(options.listen);
    const tcp::endpoint endpoint = Resolve(loop.Context(), address, error);
    if (!error) acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
      throw ConfigError(fmt::format("cannot listen on {}: {}", options.listen, error.message()));
    }
  }

  void AcceptNext() {
    acceptor.async_accept([self = shared_from_this()](const error_code& error, tcp::socket socket) {
      if (self->stopped || error == asio::error::operation_aborted) return;
      if (error) {
        // Out of descriptors, most likely: the peer waits in the backlog meanwhile.
        self->log(fmt::format("accepting a connection failed: {}", error.message()));
        self->loop.After(std::chrono::milliseconds(100), [weak = self->weak_from_this()] {
          const auto state = weak.lock();
          if (state && !state->stopped) state->AcceptNext();
        });
        return;
      }
      self->Take(std::move(socket));
      self->AcceptNext();
    });
  }

  void Take(tcp::socket socket) {
    error_code error;
    const auto remote = socket.remote_endpoint(error);
    if (error) return;
    const std::string peer = HostPort{remote.address().to_string(), remote.port()}.ToString();
    const bool full = connections.size() >= options.max_connections;
    if (!strangers.empty() && (full || strangers.size() >= options.max_strangers)) {
      CloseOldestStranger();
    } else if (full) {
      log(fmt::format("{}: refused, {} connections are open", peer, connections.size()));
      return;
    }
    const ConnectionId id(++last_id);
    const ConnectionLimits limits{.max_body_bytes = options.handshake_body_bytes,
                                  .max_queued_bytes = options.max_queued_bytes,
                                  .hold_above_bytes = options.hold_above_bytes,
                                  .vanished_after = options.peer_timeout.count() > 0
                                                        ? options.peer_timeout
                                                        : options.stall_limit};
    auto connection = std::make_shared<TcpConnection>(std::move(socket), id, peer, limits, *this);
    connections.emplace(id, connection);
    strangers.insert(id);
    handler.OnConnect(id, peer);
    connection->Start();
    loop.After(options.handshake_deadline, [weak = weak_from_this(), id] {
      if (const auto state = weak.lock()) state->CheckHandshake(id);
    });
  }

  void CheckHandshake(ConnectionId id) {
    if (stopped || strangers.erase(id) == 0) return;
    Find(id)->Fail(fmt::format("no handshake within {} ms", options.handshake_deadline.count()),
                   true);
  }

  /// One that means well has said its Hello long before it is the oldest.
  void CloseOldestStranger() {
    const ConnectionId oldest = *strangers.begin();
    strangers.erase(strangers.begin());
    Find(oldest)->Fail("no handshake yet, and others want to connect", true);
  }

  void WatchStalls() {
    loop.After(options.stall_limit / 4, [weak = weak_from_this()] {
      const auto state = weak.lock();
      if (!state || state->stopped) return;
      for (const auto& [id, connection] : state->connections) {
        if (connection->Stalled() < state->options.stall_limit) continue;
        connection->Fail(
            fmt::format("has taken nothing for {} s, {} bytes wait",
                        Seconds(state->options.stall_limit), connection->QueuedBytes()),
            true);
      }
      state->WatchStalls();
    });
  }

  /// Each connection is bounded, but there are many.
  void BoundTheTotal() {
    std::size_t total = 0;
    TcpConnection* largest = nullptr;
    for (const auto& [id, connection] : connections) {
      total += connection->QueuedBytes();
      if (largest == nullptr || connection->QueuedBytes() > largest->QueuedBytes()) {
        largest = connection.get();
      }
    }
    if (total <= options.max_total_queued_bytes) return;
    largest->Fail(fmt::format("{} bytes wait for all connections, {} of them for this one", total,
                              largest->QueuedBytes()),
                  true);
  }

  template <typename Body>
  bool Send(ConnectionId id, std::uint8_t kind, Body&& body) {
    TcpConnection* const found = Find(id);
    if (found == nullptr || !found->Send(kind, std::forward<Body>(body))) return false;
    if (found->QueuedBytes() > options.hold_above_bytes) BoundTheTotal();
    return found->Open();
  }

  void ConnectionFrame(TcpConnection& connection, const FrameView& frame) override {
    handler.OnFrame(connection.Id(), frame.kind, frame.body);
  }

  void ConnectionClosed(TcpConnection& connection, const std::string& reason,
                        bool misbehaved) override {
    if (misbehaved) log(fmt::format("{}: closed: {}", connection.Peer(), reason));
    const ConnectionId id = connection.Id();
    strangers.erase(id);
    connections.erase(id);
    handler.OnDisconnect(id, reason);
  }

  TcpConnection* Find(ConnectionId id) {
    const auto found = connections.find(id);
    return found == connections.end() ? nullptr : found->second.get();
  }

  EventLoop& loop;
  TcpServerOptions options;
  TcpHandler& handler;
  NetLog log;
  tcp::acceptor acceptor;
  std::unordered_map<ConnectionId, std::shared_ptr<TcpConnection>> connections;
  std::set<ConnectionId> strangers;  ///< those not authenticated, oldest first
  std::uint64_t last_id = 0;
  bool stopped = false;
};

TcpServer::TcpServer(EventLoop& loop, TcpServerOptions options, TcpHandler& handler, NetLog log)
    : state_(std::make_shared<State>(loop, std::move(options), handler, std::move(log))) {
  state_->Listen();
  state_->AcceptNext();
  state_->WatchStalls();
}

TcpServer::~TcpServer() {
  state_->stopped = true;
  error_code ignored;
  state_->acceptor.close(ignored);
  for (auto& [id, connection] : state_->connections) connection->Detach();
  state_->connections.clear();
}

std::string TcpServer::Address() const {
  const auto local = state_->acceptor.local_endpoint();
  return HostPort{local.address().to_string(), local.port()}.ToString();
}

void TcpServer::MarkAuthenticated(ConnectionId connection) {
  if (state_->strangers.erase(connection) == 0) return;
  if (TcpConnection* found = state_->Find(connection)) {
    found->SetMaxBodyBytes(state_->options.max_body_bytes);
  }
}

bool TcpServer::Send(ConnectionId connection, std::uint8_t kind,
                     std::span<const std::uint8_t> body) {
  return state_->Send(connection, kind, body);
}

bool TcpServer::Send(ConnectionId connection, std::uint8_t kind, SharedBytes body) {
  return state_->Send(connection, kind, std::move(body));
}

void TcpServer::SetReading(ConnectionId connection, bool reading) {
  if (TcpConnection* found = state_->Find(connection)) found->SetReading(reading);
}

void TcpServer::Close(ConnectionId connection, const std::string& reason) {
  if (TcpConnection* found = state_->Find(connection)) found->CloseGently(reason);
}

std::size_t TcpServer::Connections() const { return state_->connections.size(); }

}  // namespace stillhouse
