#include <algorithm>
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

struct TcpClient::State : TcpConnection::Owner, std::enable_shared_from_this<TcpClient::State> {
  State(EventLoop& event_loop, ConnectionId connection_id, std::string where, TcpClientOptions opts,
        TcpHandler& frame_handler, NetLog net_log)
      : loop(event_loop),
        id(connection_id),
        address(std::move(where)),
        host_port(HostPort::Parse(address)),
        options(opts),
        handler(frame_handler),
        log(std::move(net_log)),
        retry(opts.first_retry) {}

  void Connect() {
    if (stopped) return;
    error_code error;
    const tcp::endpoint endpoint = Resolve(loop.Context(), host_port, error);
    if (error) return Failed(error.message());
    auto socket = std::make_shared<tcp::socket>(loop.Context());
    attempt = socket;
    const auto timed_out = std::make_shared<bool>(false);
    loop.After(options.connect_timeout, [weak = std::weak_ptr(socket), timed_out] {
      error_code ignored;
      // Held only while the attempt lasts: closing it ends async_connect with an error.
      if (const auto late = weak.lock()) {
        *timed_out = true;
        late->close(ignored);
      }
    });
    const auto connected = [self = shared_from_this(), socket,
                            timed_out](const error_code& result) {
      self->attempt.reset();
      if (self->stopped) return;
      if (result) return self->Failed(*timed_out ? self->NoAnswer() : result.message());
      self->Take(std::move(*socket));
    };
    socket->async_connect(endpoint, connected);
  }

  std::string NoAnswer() const {
    return fmt::format("no answer within {} s", Seconds(options.connect_timeout));
  }

  void Failed(const std::string& why) {
    ++attempts;
    if (why != last_failure) {
      last_failure = why;
      log(fmt::format("{}: {}", address, last_failure));
    }
    Retry();
  }

  std::string Trouble() const {
    if (connection) return {};
    const double waited = Seconds(std::chrono::steady_clock::now() - down_since);
    return fmt::format("{}: {} ({} attempt{} in {:.1f} s)", address,
                       last_failure.empty() ? "no answer yet" : last_failure, attempts,
                       attempts == 1 ? "" : "s", waited);
  }

  void Retry() {
    loop.After(retry, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->Connect();
    });
    retry = std::min(retry * 2, options.max_retry);
  }

  void Take(tcp::socket socket) {
    retry = options.first_retry;
    last_failure.clear();
    attempts = 0;
    connection = std::make_shared<TcpConnection>(
        std::move(socket), id, address,
        ConnectionLimits{.max_body_bytes = options.max_body_bytes,
                         .max_queued_bytes = options.max_queued_bytes,
                         .vanished_after = options.peer_timeout},
        *this);
    handler.OnConnect(id, address);
    if (connection) connection->Start();
  }

  void ConnectionFrame(TcpConnection& from, const FrameView& frame) override {
    handler.OnFrame(from.Id(), frame.kind, frame.body);
  }

  void ConnectionClosed(TcpConnection&, const std::string& reason, bool misbehaved) override {
    const auto keep = shared_from_this();  // the handler may destroy the client
    if (misbehaved) log(fmt::format("{}: closed: {}", address, reason));
    connection.reset();
    down_since = std::chrono::steady_clock::now();
    last_failure = reason;
    handler.OnDisconnect(id, reason);
    if (!stopped) Retry();
  }

  EventLoop& loop;
  const ConnectionId id;
  const std::string address;
  const HostPort host_port;
  const TcpClientOptions options;
  TcpHandler& handler;
  NetLog log;
  std::chrono::milliseconds retry;
  std::string last_failure;
  int attempts = 0;  ///< failed since the last connection
  std::chrono::steady_clock::time_point down_since = std::chrono::steady_clock::now();
  std::weak_ptr<tcp::socket> attempt;
  std::shared_ptr<TcpConnection> connection;
  bool stopped = false;
};

TcpClient::TcpClient(EventLoop& loop, ConnectionId id, std::string address,
                     TcpClientOptions options, TcpHandler& handler, NetLog log)
    : state_(
          std::make_shared<State>(loop, id, std::move(address), options, handler, std::move(log))) {
  loop.Post([weak = std::weak_ptr(state_)] {
    if (const auto state = weak.lock()) state->Connect();
  });
}

TcpClient::~TcpClient() {
  state_->stopped = true;
  error_code ignored;
  if (const auto attempt = state_->attempt.lock()) attempt->close(ignored);
  if (state_->connection) state_->connection->Detach();
  state_->connection.reset();
}

bool TcpClient::Connected() const { return state_->connection && state_->connection->Open(); }

std::string TcpClient::Trouble() const { return state_->Trouble(); }

bool TcpClient::Send(std::uint8_t kind, std::span<const std::uint8_t> body) {
  return state_->connection && state_->connection->Send(kind, body);
}

void TcpClient::SetReading(bool reading) {
  if (state_->connection) state_->connection->SetReading(reading);
}

void TcpClient::Reconnect(const std::string& reason) {
  if (state_->connection) state_->connection->Fail(reason, false);
}

void TcpClient::Close() {
  state_->stopped = true;
  if (state_->connection) state_->connection->CloseGently("closed by this side");
}

std::size_t TcpClient::QueuedBytes() const {
  return state_->connection ? state_->connection->QueuedBytes() : 0;
}

}  // namespace stillhouse
