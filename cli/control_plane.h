#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/net/tcp_transport.h"
#include "common/run/rank_watch.h"

namespace stillhouse::cli {

/// How ranks know of each other's end: one TCP connection between each rank and rank 0, which
/// breaks when either process dies; MPI itself would let the others wait for ever. Rank 0 hosts the
/// hub, every other rank a spoke. Nothing else runs here, so the connections are silent; the
/// kernels of both ends notice when a machine is gone (10 s).
inline constexpr std::chrono::milliseconds kMachineSilence{10000};

/// How everyone is to leave.
enum class Parting : std::uint8_t {
  kInOrder,  ///< MPI is finalised by all
  kAtOnce,   ///< somebody has died: MPI would wait for it
};

/// Rank 0's end.
class ControlHub final : private TcpHandler {
 public:
  /// `listen`: "host:0". `secret`: what a rank says first.
  ControlHub(EventLoop& loop, const Clock& clock, std::uint32_t ranks, const std::string& listen,
             std::string secret, NetLog log);

  /// With the real port.
  std::string Address() const { return server_.Address(); }
  /// Ranks that have died since the last call.
  std::vector<RankWatch::Death> TakeDeaths();
  /// It counts as dead and is told that the job goes on without it; on this machine it is killed.
  void GiveUp(std::uint32_t rank, const std::string& reason);
  /// Somebody was given up on another machine: the launcher would wait for it.
  bool HasStrays() const { return has_strays_; }

  /// Tells every rank to leave.
  void SayGoodbye(Parting parting);
  /// Ranks that are still connected.
  std::size_t Connected() const { return watch_.Connected(); }

 private:
  struct Peer {
    std::uint32_t rank = 0;
    std::string home;  ///< machine and process namespace
    std::int64_t pid = 0;
  };
  void OnConnect(ConnectionId, const std::string&) override {}
  void OnFrame(ConnectionId connection, std::uint8_t kind,
               std::span<const std::uint8_t> body) override;
  void OnDisconnect(ConnectionId connection, const std::string& reason) override;

  const Clock& clock_;
  const std::uint32_t ranks_;
  const std::string secret_;
  RankWatch watch_;
  std::map<ConnectionId, Peer> peers_;
  std::map<std::uint32_t, Peer> last_of_;  ///< rank -> where it was seen last
  std::optional<Parting> parting_;
  bool has_strays_ = false;
  TcpServer server_;  // last: it calls the rest
};

/// Every other rank's end.
class ControlSpoke final : private TcpHandler {
 public:
  ControlSpoke(EventLoop& loop, const Clock& clock, std::uint32_t rank, const std::string& hub,
               std::string secret, NetLog log);

  /// What rank 0 has to know of us is on its way: from now on it notices our end.
  bool Introduced() const { return ever_connected_ && client_.QueuedBytes() == 0; }
  /// Rank 0 is gone, or has given this rank up: why. Then there is nothing left to do.
  std::optional<std::string> Orphaned();
  /// It is rank 0 that has given us up: the job goes on.
  bool GivenUp() const { return given_up_.has_value(); }
  /// What rank 0 said at the end.
  std::optional<Parting> Dismissed() const { return dismissed_; }

 private:
  void OnConnect(ConnectionId, const std::string&) override;
  void OnFrame(ConnectionId, std::uint8_t kind, std::span<const std::uint8_t> body) override;
  void OnDisconnect(ConnectionId, const std::string& reason) override;

  const Clock& clock_;
  const std::uint32_t rank_;
  const std::string secret_;
  std::optional<Time> away_since_;
  std::optional<Time> last_look_;
  bool ever_connected_ = false;
  std::string reason_;
  std::optional<std::string> given_up_;
  std::optional<Parting> dismissed_;
  TcpClient client_;  // last: it calls the rest
};

}  // namespace stillhouse::cli
