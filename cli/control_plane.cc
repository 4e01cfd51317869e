// Frames, bodies as ByteWriter writes them (docs/formats.md):
//   kHello    rank -> 0   secret string, rank u32, home string, pid i64
//   kGoodbye  0 -> rank   parting u8
//   kGivenUp  0 -> rank   reason string
#include "cli/control_plane.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>

#include <unistd.h>

#include "common/base/byte_io.h"
#include "common/telemetry/process_stats.h"

namespace stillhouse::cli {
namespace {
using namespace std::chrono_literals;

constexpr std::uint8_t kHello = 0;
constexpr std::uint8_t kGoodbye = 1;
constexpr std::uint8_t kGivenUp = 2;
/// Without a connection for so long rank 0 counts as dead: its kernel takes connections for as long
/// as its process lives, stopped or busy.
constexpr Time kAwayLimit = 500ms;
constexpr Time kFirstContact = 60s;
constexpr Time kOwnAbsence = 1s;

TcpServerOptions ServerOptions(const std::string& listen, std::uint32_t ranks) {
  TcpServerOptions options;
  options.listen = listen;
  options.max_connections = 64 + 2 * static_cast<std::size_t>(ranks);
  options.max_body_bytes = 4096;
  options.peer_timeout = kMachineSilence;
  return options;
}

TcpClientOptions ClientOptions() {
  TcpClientOptions options;
  options.max_body_bytes = 4096;
  options.max_retry = 200ms;
  options.connect_timeout = kMachineSilence;
  options.peer_timeout = kMachineSilence;
  return options;
}

/// Where our process ids mean something.
std::string Home() {
  std::array<char, 64> space{};
  const ssize_t length = readlink("/proc/self/ns/pid", space.data(), space.size());
  return HostName() + " " + std::string(space.data(), length > 0 ? std::size_t(length) : 0);
}

/// A process that has ended, collected by its parent or not.
bool ProcessGone(std::int64_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(stat, text)) return kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH;
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= text.size()) return false;
  const char state = text[name_end + 2];
  return state == 'Z' || state == 'X';
}

}  // namespace

ControlHub::ControlHub(EventLoop& loop, const Clock& clock, std::uint32_t ranks,
                       const std::string& listen, std::string secret, NetLog log)
    : clock_(clock),
      ranks_(ranks),
      secret_(std::move(secret)),
      watch_(ranks),
      server_(loop, ServerOptions(listen, ranks), *this, std::move(log)) {}

void ControlHub::OnFrame(ConnectionId connection, std::uint8_t kind,
                         std::span<const std::uint8_t> body) {
  ByteReader in(body, "control frame");
  if (kind != kHello || in.GetString() != secret_) throw WireError("no Hello of a rank");
  Peer peer;
  peer.rank = in.Get<std::uint32_t>();
  if (peer.rank == 0 || peer.rank >= ranks_) in.Fail("no such rank");
  peer.home = in.GetString();
  peer.pid = in.Get<std::int64_t>();
  in.ExpectEnd();
  if (!watch_.OnConnected(peer.rank)) {
    ByteWriter out;
    out.PutString("rank 0 holds it for dead");
    server_.Send(connection, kGivenUp, out.Take());
    return server_.Close(connection, "held for dead");
  }
  server_.MarkAuthenticated(connection);
  last_of_[peer.rank] = peer;
  peers_[connection] = std::move(peer);
}

void ControlHub::OnDisconnect(ConnectionId connection, const std::string& reason) {
  const auto found = peers_.find(connection);
  if (found == peers_.end()) return;
  const std::uint32_t rank = found->second.rank;
  peers_.erase(found);
  for (const auto& [other, peer] : peers_) {
    if (peer.rank == rank) return;  // it has connected anew
  }
  watch_.OnLost(rank, reason, clock_.Now());
}

std::vector<RankWatch::Death> ControlHub::TakeDeaths() {
  if (parting_) return {};  // those who are told to leave disconnect
  for (const auto rank : watch_.Missing()) {
    const auto found = last_of_.find(rank);
    if (found == last_of_.end() || found->second.home != Home()) continue;
    if (ProcessGone(found->second.pid)) watch_.OnProcessGone(rank);
  }
  return watch_.Tick(clock_.Now());
}

void ControlHub::GiveUp(std::uint32_t rank, const std::string& reason) {
  watch_.OnGivenUp(rank, reason);
  const auto seen = last_of_.find(rank);
  const bool here = seen != last_of_.end() && seen->second.home == Home();
  if (here && seen->second.pid != static_cast<std::int64_t>(ProcessId())) {
    kill(static_cast<pid_t>(seen->second.pid), SIGKILL);
  }
  has_strays_ = has_strays_ || !here;
  ByteWriter out;
  out.PutString(reason);
  const auto body = out.Take();
  for (const auto& [connection, peer] : peers_) {
    if (peer.rank == rank) server_.Send(connection, kGivenUp, body);
  }
}

void ControlHub::SayGoodbye(Parting parting) {
  parting_ = parting;
  const std::uint8_t body[] = {static_cast<std::uint8_t>(parting)};
  for (const auto& [connection, peer] : peers_) server_.Send(connection, kGoodbye, body);
}

ControlSpoke::ControlSpoke(EventLoop& loop, const Clock& clock, std::uint32_t rank,
                           const std::string& hub, std::string secret, NetLog log)
    : clock_(clock),
      rank_(rank),
      secret_(std::move(secret)),
      away_since_(clock.Now()),
      client_(loop, ConnectionId(0), hub, ClientOptions(), *this, std::move(log)) {}

void ControlSpoke::OnConnect(ConnectionId, const std::string&) {
  ever_connected_ = true;
  away_since_.reset();
  ByteWriter out;
  out.PutString(secret_);
  out.Put(rank_);
  out.PutString(Home());
  out.Put(static_cast<std::int64_t>(ProcessId()));
  client_.Send(kHello, out.Take());
}

void ControlSpoke::OnFrame(ConnectionId, std::uint8_t kind, std::span<const std::uint8_t> body) {
  ByteReader in(body, "control frame");
  if (kind == kGoodbye) {
    dismissed_ = in.GetEnum(Parting::kAtOnce);
    client_.Close();
  } else if (kind == kGivenUp) {
    given_up_ = "rank 0 goes on without this rank: " + in.GetString();
  } else {
    throw WireError(fmt::format("control frame of kind {}", kind));
  }
}

void ControlSpoke::OnDisconnect(ConnectionId, const std::string& reason) {
  away_since_ = clock_.Now();
  reason_ = reason;
}

std::optional<std::string> ControlSpoke::Orphaned() {
  if (given_up_) return given_up_;
  const Time now = clock_.Now();
  const Time absence = last_look_ ? now - *last_look_ : Time{};
  last_look_ = now;
  if (dismissed_ || !away_since_) return std::nullopt;
  if (absence > kOwnAbsence) *away_since_ += absence;
  if (now - *away_since_ < (ever_connected_ ? kAwayLimit : kFirstContact)) return std::nullopt;
  return fmt::format("rank 0 has died: {}", ever_connected_ ? reason_ : client_.Trouble());
}

}  // namespace stillhouse::cli
