#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "common/net/frame.h"
#include "common/net/tcp_transport.h"

namespace stillhouse {

/// Has the kernel ask an idle peer's machine whether it is still there, and give the connection up
/// when no answer comes for `timeout` (a stopped process's machine answers). 0: nothing.
void GiveUpSilentPeer(boost::asio::ip::tcp::socket& socket, std::chrono::milliseconds timeout);

/// One established connection, the same for both ends. Internal to common/net.
///
/// Reads and writes are non-blocking calls after a readiness wait, so that a connection without
/// traffic holds no buffer: reading goes through one scratch buffer of the transport.
class TcpConnection : public std::enable_shared_from_this<TcpConnection> {
 public:
  struct Owner {
    virtual ~Owner() = default;
    virtual void ConnectionFrame(TcpConnection& connection, const FrameView& frame) = 0;
    /// Once, posted. misbehaved: worth a log line.
    virtual void ConnectionClosed(TcpConnection& connection, const std::string& reason,
                                  bool misbehaved) = 0;
  };

  TcpConnection(boost::asio::ip::tcp::socket socket, ConnectionId id, std::string peer,
                std::size_t max_body_bytes, std::size_t max_queued_bytes, Owner& owner);

  void Start();
  /// The owner is going away: no more calls to it, the socket closes now.
  void Detach();

  bool Send(std::uint8_t kind, std::span<const std::uint8_t> body);
  bool Send(std::uint8_t kind, SharedBytes body);
  void SetReading(bool reading);
  void SetMaxBodyBytes(std::size_t bytes) { parser_.SetMaxBodyBytes(bytes); }
  /// Flushes, then closes; a peer that does not read gets one second.
  void CloseGently(const std::string& reason);
  void Fail(const std::string& reason, bool misbehaved);

  ConnectionId Id() const { return id_; }
  const std::string& Peer() const { return peer_; }
  bool Open() const { return !closing_ && !closed_; }
  std::size_t QueuedBytes() const { return queued_bytes_; }

 private:
  struct Piece {
    std::vector<std::uint8_t> own;
    SharedBytes shared;
    std::size_t sent = 0;
    std::span<const std::uint8_t> Left() const {
      return std::span(shared ? *shared : own).subspan(sent);
    }
  };
  bool Accept(std::size_t bytes);
  void AppendSmall(std::span<const std::uint8_t> bytes);
  void ScheduleFlush();
  void Flush();
  void Drop(std::size_t written);
  void WaitReadable();
  void ReadReady();
  void Deliver();

  boost::asio::ip::tcp::socket socket_;
  const ConnectionId id_;
  const std::string peer_;
  const std::size_t max_queued_bytes_;
  Owner* owner_;
  FrameParser parser_;
  std::deque<Piece> queue_;
  std::size_t queued_bytes_ = 0;
  bool reading_ = true;
  bool wait_pending_ = false;   ///< a wait for readability is outstanding
  bool flush_pending_ = false;  ///< posted, or a wait for writability is outstanding
  bool delivering_ = false;
  bool closing_ = false;
  bool closed_ = false;
  std::string close_reason_;
};

}  // namespace stillhouse
