#include "common/net/tcp_connection.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <boost/asio/buffer.hpp>
#include <boost/asio/detail/socket_option.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/base/error.h"
#include "common/base/failpoint.h"

namespace stillhouse {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// Bodies up to this size are copied behind one another, so that many leave in one system call.
constexpr std::size_t kSmallBody = 8192;
constexpr std::size_t kPieceBytes = 65536;
constexpr std::size_t kGather = 16;
constexpr std::size_t kReadBytes = 65536;
/// Reads of one turn, so that one busy peer leaves room for the others.
constexpr int kReadsPerTurn = 4;
constexpr std::chrono::seconds kLinger{1};
/// Of a connection without traffic: asked so soon, so often, before it counts as gone.
constexpr int kKeepAliveIdleSeconds = 30;
constexpr int kKeepAliveEverySeconds = 10;
constexpr int kKeepAliveProbes = 3;

/// Best effort: where the system refuses, its own limits hold.
void SetLimits(int descriptor, const ConnectionLimits& limits) {
  const auto set = [descriptor](int level, int option, int value) {
    ::setsockopt(descriptor, level, option, &value, sizeof(value));
  };
  // A peer whose machine is gone says nothing, not even goodbye.
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveEverySeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  if (limits.vanished_after.count() > 0) {
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(limits.vanished_after.count()));
  }
  if (limits.kernel_unsent_bytes > 0) {
    set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(limits.kernel_unsent_bytes));
  }
}

}  // namespace

TcpConnection::TcpConnection(asio::ip::tcp::socket socket, ConnectionId id, std::string peer,
                             const ConnectionLimits& limits, Owner& owner)
    : socket_(std::move(socket)),
      id_(id),
      peer_(std::move(peer)),
      limits_(limits),
      owner_(&owner),
      parser_(limits.max_body_bytes) {}

void TcpConnection::Start() {
  error_code error;
  socket_.set_option(asio::ip::tcp::no_delay(true), error);
  socket_.non_blocking(true, error);
  if (error) return Fail(error.message(), false);
  SetLimits(socket_.native_handle(), limits_);
  WaitReadable();
}

void TcpConnection::Detach() {
  owner_ = nullptr;
  closed_ = true;
  error_code ignored;
  socket_.close(ignored);
}

void TcpConnection::Fail(const std::string& reason, bool misbehaved) {
  if (closed_) return;
  closed_ = true;
  error_code ignored;
  socket_.close(ignored);
  queue_.clear();
  queued_bytes_ = 0;
  asio::post(socket_.get_executor(), [self = shared_from_this(), reason, misbehaved] {
    if (self->owner_ != nullptr) self->owner_->ConnectionClosed(*self, reason, misbehaved);
  });
}

void TcpConnection::CloseGently(const std::string& reason) {
  if (!Open()) return;
  closing_ = true;
  close_reason_ = reason;
  auto timer = std::make_shared<asio::steady_timer>(socket_.get_executor(), kLinger);
  timer->async_wait([timer, weak = weak_from_this()](const error_code&) {
    if (const auto self = weak.lock()) self->Fail(self->close_reason_, false);
  });
  ScheduleFlush();
}

// ---- output ----------------------------------------------------------------------------------

bool TcpConnection::Accept(std::size_t bytes) {
  if (!Open()) return false;
  // One frame is always taken, however large: the bound is on what waits behind it.
  if (queued_bytes_ > 0 && queued_bytes_ + bytes > limits_.max_queued_bytes) {
    Fail(fmt::format("reads too slowly: {} bytes wait", queued_bytes_), true);
    return false;
  }
  if (queued_bytes_ == 0) last_taken_ = std::chrono::steady_clock::now();
  queued_bytes_ += bytes;
  ScheduleFlush();
  return true;
}

void TcpConnection::AppendSmall(std::span<const std::uint8_t> bytes) {
  if (queue_.empty() || queue_.back().shared ||
      queue_.back().own.size() + bytes.size() > kPieceBytes) {
    queue_.emplace_back();
  }
  auto& own = queue_.back().own;
  own.insert(own.end(), bytes.begin(), bytes.end());
}

bool TcpConnection::Send(std::uint8_t kind, std::span<const std::uint8_t> body) {
  if (!Accept(kFrameHeaderBytes + body.size())) return false;
  AppendSmall(MakeFrameHeader(kind, body));
  if (body.size() <= kSmallBody) {
    AppendSmall(body);
  } else {
    queue_.push_back({std::vector<std::uint8_t>(body.begin(), body.end()), nullptr, 0});
  }
  return true;
}

bool TcpConnection::Send(std::uint8_t kind, SharedBytes body) {
  if (body->size() <= kSmallBody) return Send(kind, std::span(*body));
  if (!Accept(kFrameHeaderBytes + body->size())) return false;
  AppendSmall(MakeFrameHeader(kind, *body));
  queue_.push_back({{}, std::move(body), 0});
  return true;
}

void TcpConnection::ScheduleFlush() {
  if (flush_pending_) return;
  flush_pending_ = true;
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->flush_pending_ = false;
    self->Flush();
  });
}

void TcpConnection::Flush() {
  while (!closed_ && !queue_.empty()) {
    std::array<asio::const_buffer, kGather> buffers;
    const std::size_t count = std::min(kGather, queue_.size());
    for (std::size_t i = 0; i < count; ++i) {
      const auto left = queue_[i].Left();
      buffers[i] = asio::const_buffer(left.data(), left.size());
    }
    error_code error;
    if (SH_FAILPOINT_ERROR("net.write.torn", [&] {
          error_code ignored;
          socket_.write_some(asio::buffer(buffers[0], (buffers[0].size() + 1) / 2), ignored);
        }) != 0) {
      return Fail("cut by a failpoint", false);
    }
    const std::size_t written = socket_.write_some(std::span(buffers.data(), count), error);
    if (error == asio::error::would_block || error == asio::error::try_again) {
      flush_pending_ = true;
      socket_.async_wait(asio::ip::tcp::socket::wait_write,
                         [self = shared_from_this()](const error_code&) {
                           self->flush_pending_ = false;
                           self->Flush();
                         });
      return;
    }
    if (error) return Fail(error.message(), false);
    Drop(written);
  }
  if (closing_ && !closed_) {
    error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    Fail(close_reason_, false);
  }
}

std::chrono::nanoseconds TcpConnection::Stalled() const {
  if (queued_bytes_ == 0) return {};
  return std::chrono::steady_clock::now() - last_taken_;
}

void TcpConnection::Drop(std::size_t written) {
  queued_bytes_ -= written;
  last_taken_ = std::chrono::steady_clock::now();
  if (held_ && Reading()) {
    held_ = false;
    Resume();
  }
  while (!queue_.empty()) {
    Piece& piece = queue_.front();
    const std::size_t left = piece.Left().size();
    if (written < left) {
      piece.sent += written;
      return;
    }
    written -= left;
    queue_.pop_front();
  }
}

// ---- input -----------------------------------------------------------------------------------

void TcpConnection::SetReading(bool reading) {
  if (reading_ == reading) return;
  reading_ = reading;
  if (reading && !delivering_) Resume();
}

void TcpConnection::Resume() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    self->Deliver();
    self->WaitReadable();
  });
}

void TcpConnection::WaitReadable() {
  held_ = held_ || (reading_ && !Reading());
  if (closed_ || !Reading() || wait_pending_) return;
  wait_pending_ = true;
  socket_.async_wait(asio::ip::tcp::socket::wait_read,
                     [self = shared_from_this()](const error_code& error) {
                       self->wait_pending_ = false;
                       if (!error) self->ReadReady();
                     });
}

void TcpConnection::ReadReady() {
  // Never at once in two calls: handlers run in one thread, and nothing here re-enters.
  thread_local std::vector<std::uint8_t> scratch(kReadBytes);
  for (int i = 0; i < kReadsPerTurn && !closed_ && Reading(); ++i) {
    error_code error;
    const std::size_t got = socket_.read_some(asio::buffer(scratch), error);
    if (error == asio::error::would_block || error == asio::error::try_again) break;
    if (error) {
      return Fail(error == asio::error::eof ? "closed by the peer" : error.message(), false);
    }
    if (SH_FAILPOINT_ERROR("net.read") != 0) return Fail("cut by a failpoint", false);
    parser_.Append(std::span(scratch).first(got));
    Deliver();
    if (got < scratch.size()) break;
  }
  WaitReadable();
}

void TcpConnection::Deliver() {
  if (delivering_) return;
  delivering_ = true;
  try {
    while (Reading() && Open() && owner_ != nullptr) {
      const auto frame = parser_.Next();
      if (!frame) break;
      owner_->ConnectionFrame(*this, *frame);
    }
  } catch (const WireError& error) {
    Fail(error.what(), true);
  }
  delivering_ = false;
}

}  // namespace stillhouse
