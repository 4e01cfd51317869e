#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

#include "common/net/frame.h"
#include "common/net/tcp_transport.h"

namespace stillhouse {

/// What a connection may cost. A limit that is not set does not apply.
struct ConnectionLimits {
  std::size_t max_body_bytes = 0;
  std::size_t max_queued_bytes = 0;
  std::size_t hold_above_bytes = std::numeric_limits<std::size_t>::max();
  std::chrono::milliseconds vanished_after{0};  ///< a peer whose host does not answer; 0: ~15 min
  /// Of our output that the peer has no room for, so much is copied into the kernel; 0: megabytes.
  std::size_t kernel_unsent_bytes = 0;
};
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
                const ConnectionLimits& limits, Owner& owner);

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
  /// For how long the peer has taken nothing of what is queued; 0 when nothing is.
  std::chrono::nanoseconds Stalled() const;

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
  /// Frames are taken: the owner wants them, and the peer takes what it is sent.
  bool Reading() const { return reading_ && queued_bytes_ <= limits_.hold_above_bytes; }
  /// Takes frames again, from what has been read first.
  void Resume();
  void WaitReadable();
  void ReadReady();
  void Deliver();

  boost::asio::ip::tcp::socket socket_;
  const ConnectionId id_;
  const std::string peer_;
  const ConnectionLimits limits_;
  Owner* owner_;
  FrameParser parser_;
  std::deque<Piece> queue_;
  std::size_t queued_bytes_ = 0;
  std::chrono::steady_clock::time_point last_taken_;  ///< output; of no meaning with none queued
  bool held_ = false;                                 ///< frames are not read: see hold_above_bytes
  bool reading_ = true;
  bool wait_pending_ = false;   ///< a wait for readability is outstanding
  bool flush_pending_ = false;  ///< posted, or a wait for writability is outstanding
  bool delivering_ = false;
  bool closing_ = false;
  bool closed_ = false;
  std::string close_reason_;
};

}  // namespace stillhouse
