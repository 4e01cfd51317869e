#include "cli/actor_probe.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <random>

#include "common/base/error.h"
#include "common/messages/worker_plane.h"
#include "common/net/tcp_transport.h"

namespace stillhouse::cli {
namespace {

using std::chrono::milliseconds;
constexpr Time kSlice = milliseconds(50);

class Probe final : public TcpHandler {
 public:
  Probe(EventLoop& loop, const std::vector<std::string>& addresses, const std::string& token)
      : token_(token), peers_(addresses.size()) {
    for (std::size_t slot = 0; slot < addresses.size(); ++slot) {
      peers_[slot].address = addresses[slot];
      // What goes wrong on the way is said at the end, once.
      peers_[slot].client =
          std::make_unique<TcpClient>(loop, ConnectionId(slot), addresses[slot], TcpClientOptions{},
                                      *this, [](const std::string&) {});
    }
  }

  bool AllWelcome() const {
    return std::all_of(peers_.begin(), peers_.end(),
                       [](const Peer& peer) { return peer.welcome.has_value(); });
  }
  const std::optional<std::string>& Refusal() const { return refusal_; }

  /// Empty: these are the job's shards, each once.
  std::string Incomplete() const {
    std::vector<bool> seen(peers_.size());
    for (const Peer& peer : peers_) {
      const Welcome& welcome = *peer.welcome;
      if (welcome.shards != peers_.size()) {
        return fmt::format(
            "the job at {} has {} shards, {} addresses were given; name them all "
            "(endpoints.json in its run directory has them)",
            peer.address, welcome.shards, peers_.size());
      }
      if (welcome.shard >= seen.size() || seen[welcome.shard]) {
        return fmt::format("{}: says it is shard {} of {}, like another of the addresses",
                           peer.address, welcome.shard, welcome.shards);
      }
      seen[welcome.shard] = true;
    }
    return "";
  }

  /// A line for each shard that did not answer.
  std::string Tried(Time time) const {
    std::string text;
    for (const Peer& peer : peers_) {
      if (peer.welcome) continue;
      const std::string trouble = peer.client->Trouble();
      if (!text.empty()) text += "\n";
      text += "cannot reach the shard at ";
      text += trouble.empty() ? fmt::format(
                                    "{}: connected, but in {:.0f} s nothing answered like a "
                                    "shard",
                                    peer.address, Seconds(time))
                              : trouble;
    }
    return text;
  }

  void Close() {
    for (Peer& peer : peers_) peer.client->Close();
  }

 private:
  struct Peer {
    std::string address;
    std::unique_ptr<TcpClient> client;
    std::optional<Welcome> welcome;
  };

  void OnConnect(ConnectionId connection, const std::string&) override {
    Peer& peer = peers_.at(connection.Get());
    Hello hello;
    hello.token = token_;
    hello.incarnation = incarnation_;
    ByteWriter body;
    hello.Encode(body);
    peer.client->Send(static_cast<std::uint8_t>(FrameKind::kHello), body.Take());
  }

  void OnFrame(ConnectionId connection, std::uint8_t kind,
               std::span<const std::uint8_t> body) override {
    Peer& peer = peers_.at(connection.Get());
    ByteReader reader(body, "answer to a Hello");
    if (kind == static_cast<std::uint8_t>(FrameKind::kRefused)) {
      refusal_ = fmt::format("{}: refused: {}", peer.address, reader.GetString());
    } else if (kind == static_cast<std::uint8_t>(FrameKind::kWelcome)) {
      peer.welcome = Welcome::Decode(reader);
    } else {
      throw WireError(fmt::format("frame kind {} before a Welcome", kind));
    }
  }

  void OnDisconnect(ConnectionId, const std::string&) override {}

  const std::string& token_;
  const std::uint64_t incarnation_ = (std::uint64_t{std::random_device{}()} << 32U) | 1U;
  std::vector<Peer> peers_;
  std::optional<std::string> refusal_;
};

}  // namespace

ProbeResult ProbeShards(EventLoop& loop, const std::vector<std::string>& addresses,
                        const std::string& token, Time limit,
                        const std::function<bool()>& stopped) {
  using Kind = ProbeResult::Kind;
  const SteadyClock clock;
  Probe probe(loop, addresses, token);
  while (!probe.AllWelcome() && !probe.Refusal()) {
    if (stopped()) return {Kind::kStopped, ""};
    if (clock.Now() > limit) return {Kind::kUnreachable, probe.Tried(clock.Now())};
    loop.RunOnce(kSlice);
  }
  if (probe.Refusal()) return {Kind::kRefused, *probe.Refusal()};
  if (auto wrong = probe.Incomplete(); !wrong.empty()) return {Kind::kRefused, std::move(wrong)};
  probe.Close();
  return {Kind::kWelcome, ""};
}

}  // namespace stillhouse::cli
