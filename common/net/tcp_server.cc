#include <unordered_map>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "common/base/error.h"
#include "common/net/resolve.h"
#include "common/net/tcp_connection.h"
#include "common/net/tcp_transport.h"

namespace stillhouse {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

struct TcpServer::State : TcpConnection::Owner, std::enable_shared_from_this<TcpServer::State> {
  struct Entry {
    std::shared_ptr<TcpConnection> connection;
    bool authenticated = false;
  };

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
    if (connections.size() >= options.max_connections) {
      log(fmt::format("{}: refused, {} connections are open", peer, connections.size()));
      return;
    }
    GiveUpSilentPeer(socket, options.peer_timeout);
    const ConnectionId id(++last_id);
    auto connection = std::make_shared<TcpConnection>(
        std::move(socket), id, peer, options.handshake_body_bytes, options.max_queued_bytes, *this);
    connections.emplace(id, Entry{connection, false});
    handler.OnConnect(id, peer);
    connection->Start();
    loop.After(options.handshake_deadline, [weak = weak_from_this(), id] {
      if (const auto state = weak.lock()) state->CheckHandshake(id);
    });
  }

  void CheckHandshake(ConnectionId id) {
    const auto found = connections.find(id);
    if (stopped || found == connections.end() || found->second.authenticated) return;
    found->second.connection->Fail(
        fmt::format("no handshake within {} ms", options.handshake_deadline.count()), true);
  }

  void ConnectionFrame(TcpConnection& connection, const FrameView& frame) override {
    handler.OnFrame(connection.Id(), frame.kind, frame.body);
  }

  void ConnectionClosed(TcpConnection& connection, const std::string& reason,
                        bool misbehaved) override {
    if (misbehaved) log(fmt::format("{}: closed: {}", connection.Peer(), reason));
    const ConnectionId id = connection.Id();
    connections.erase(id);
    handler.OnDisconnect(id, reason);
  }

  TcpConnection* Find(ConnectionId id) {
    const auto found = connections.find(id);
    return found == connections.end() ? nullptr : found->second.connection.get();
  }

  EventLoop& loop;
  TcpServerOptions options;
  TcpHandler& handler;
  NetLog log;
  tcp::acceptor acceptor;
  std::unordered_map<ConnectionId, Entry> connections;
  std::uint64_t last_id = 0;
  bool stopped = false;
};

TcpServer::TcpServer(EventLoop& loop, TcpServerOptions options, TcpHandler& handler, NetLog log)
    : state_(std::make_shared<State>(loop, std::move(options), handler, std::move(log))) {
  state_->Listen();
  state_->AcceptNext();
}

TcpServer::~TcpServer() {
  state_->stopped = true;
  error_code ignored;
  state_->acceptor.close(ignored);
  for (auto& [id, entry] : state_->connections) entry.connection->Detach();
  state_->connections.clear();
}

std::string TcpServer::Address() const {
  const auto local = state_->acceptor.local_endpoint();
  return HostPort{local.address().to_string(), local.port()}.ToString();
}

void TcpServer::MarkAuthenticated(ConnectionId connection) {
  const auto found = state_->connections.find(connection);
  if (found == state_->connections.end()) return;
  found->second.authenticated = true;
  found->second.connection->SetMaxBodyBytes(state_->options.max_body_bytes);
}

bool TcpServer::Send(ConnectionId connection, std::uint8_t kind,
                     std::span<const std::uint8_t> body) {
  TcpConnection* found = state_->Find(connection);
  return found != nullptr && found->Send(kind, body);
}

bool TcpServer::Send(ConnectionId connection, std::uint8_t kind, SharedBytes body) {
  TcpConnection* found = state_->Find(connection);
  return found != nullptr && found->Send(kind, std::move(body));
}

void TcpServer::SetReading(ConnectionId connection, bool reading) {
  if (TcpConnection* found = state_->Find(connection)) found->SetReading(reading);
}

void TcpServer::Close(ConnectionId connection, const std::string& reason) {
  if (TcpConnection* found = state_->Find(connection)) found->CloseGently(reason);
}

std::size_t TcpServer::Connections() const { return state_->connections.size(); }

}  // namespace stillhouse
