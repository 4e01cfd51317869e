#include "actors/actor_driver.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>

#include <sys/prctl.h>
#include <unistd.h>

#include "actors/actor.h"
#include "actors/process_launcher.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/rng.h"
#include "common/net/event_loop.h"
#include "common/net/tcp_transport.h"

namespace stillhouse::actors {

namespace {

constexpr Time kStartLimit = std::chrono::seconds(10);
constexpr Time kSilenceLimit = std::chrono::seconds(60);
/// Of one shard. Well below the time after which a shard forgets a worker.
constexpr Time kAwayLimit = std::chrono::minutes(10);
constexpr Time kBeatEvery = std::chrono::seconds(1);
constexpr auto kIdleSleep = std::chrono::milliseconds(2);
/// The sockets are looked at this often while there is work.
constexpr Time kSlice = std::chrono::microseconds(500);
constexpr Time kFarewell = std::chrono::seconds(1);
/// After SIGTERM: what is not stored by then is given up.
constexpr Time kSettle = std::chrono::seconds(1);

std::uint64_t RandomBits() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

void Log(const std::string& line) {
  std::fprintf(stderr, "worker %d: %s\n", static_cast<int>(getpid()), line.c_str());
}

/// Ends this process when its parent ends, also when that happened already.
void FollowParent(std::int64_t host_pid) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != static_cast<pid_t>(host_pid)) _exit(1);
  // A terminal's Ctrl-C reaches the whole group: the host decides when its workers end.
  std::signal(SIGINT, SIG_IGN);
}

class Worker final : public TcpHandler, public ShardLinks {
 public:
  Worker(const WorkerOptions& options, const ActorOptions& actor_options)
      : actor_(actor_options),
        addresses_(options.addresses),
        open_(actor_options.slots),
        away_since_(actor_options.slots),
        last_heard_(clock_.Now()),
        beats_(options.beats) {
    loop_.OnSignals({SIGTERM}, [this](int) {
      if (leaving_since_) return;
      leaving_since_ = clock_.Now();
      actor_.Leave();
    });
    for (std::uint32_t slot = 0; slot < actor_options.slots; ++slot) {
      clients_.push_back(std::make_unique<TcpClient>(
          loop_, ConnectionId(slot), options.addresses[slot], TcpClientOptions{}, *this, Log));
    }
  }

  WorkerEnd Run() {
    while (!actor_.Finished() && !Settled()) {
      loop_.RunOnce(std::chrono::nanoseconds::zero());
      const Time start = clock_.Now();
      Time now = start;
      bool more = true;
      while (more && now - start < kSlice) {
        more = actor_.Advance(now, *this);
        now = clock_.Now();
      }
      if (!more && !actor_.Finished()) loop_.RunOnce(kIdleSleep);
      CheckSilence(now);
      Beat(now);
    }
    Leave();
    return actor_.Finished() ? WorkerEnd::kRunOver : WorkerEnd::kAsked;
  }

 private:
  bool Settled() const {
    return leaving_since_ && (actor_.Settled() || clock_.Now() - *leaving_since_ > kSettle);
  }

  void Beat(Time now) {
    if (!beats_ || now < next_beat_) return;
    next_beat_ = now + kBeatEvery;
    const char beat = '.';
    // A full pipe is a parent that was stopped for long: what it holds is enough.
    if (write(kBeatDescriptor, &beat, 1) < 0 && errno != EAGAIN && errno != EINTR) beats_ = false;
  }

  void OnConnect(ConnectionId connection, const std::string&) override {
    const auto slot = static_cast<std::uint32_t>(connection.Get());
    CheckAway(slot, clock_.Now());
    ByteWriter body;
    actor_.MakeHello(slot).Encode(body);
    Send(slot, FrameKind::kHello, body.Take());
  }

  void OnFrame(ConnectionId connection, std::uint8_t kind,
               std::span<const std::uint8_t> body) override {
    if (kind > static_cast<std::uint8_t>(kLastFrameKind)) {
      throw WireError(fmt::format("frame of unknown kind {}", kind));
    }
    const auto slot = static_cast<std::uint32_t>(connection.Get());
    if (static_cast<FrameKind>(kind) == FrameKind::kRefused) {
      ByteReader reader(body, "refusal");
      throw ConfigError(fmt::format("refused: {}", reader.GetString()));
    }
    last_heard_ = clock_.Now();
    actor_.OnFrame(slot, static_cast<FrameKind>(kind), body, last_heard_, *this);
    if (static_cast<FrameKind>(kind) == FrameKind::kWelcome) {
      open_[slot] = true;
      away_since_[slot].reset();
      welcomed_ = true;
    }
  }

  void OnDisconnect(ConnectionId connection, const std::string& reason) override {
    const auto slot = static_cast<std::uint32_t>(connection.Get());
    if (open_[slot]) {
      Log(fmt::format("shard at {}: {}", addresses_[slot], reason));
      away_since_[slot] = clock_.Now();
    }
    open_[slot] = false;
    actor_.OnDisconnect(slot);
  }

  void Send(std::uint32_t slot, FrameKind kind, std::vector<std::uint8_t> body) override {
    if (clients_[slot] == nullptr) return;
    clients_[slot]->Send(static_cast<std::uint8_t>(kind), body);
  }

  /// An open connection counts as an answer: a shard with nothing to say is no lost shard.
  void CheckSilence(Time now) {
    for (std::uint32_t slot = 0; slot < away_since_.size(); ++slot) {
      if (actor_.Abandoned(slot)) Abandon(slot);
      CheckAway(slot, now);
    }
    if (std::find(open_.begin(), open_.end(), true) != open_.end()) {
      last_heard_ = now;
      return;
    }
    const Time limit = welcomed_ ? kSilenceLimit : kStartLimit;
    if (now - last_heard_ > limit) {
      throw CommError(
          fmt::format("no shard has answered for {} s; gave up{}", Seconds(limit), Tried()));
    }
  }

  /// Nobody listens there any more, or somebody else.
  void Abandon(std::uint32_t slot) {
    if (clients_[slot] == nullptr) return;
    Log(fmt::format("shard at {} has died: the job goes on without it", addresses_[slot]));
    clients_[slot].reset();
    open_[slot] = false;
    away_since_[slot].reset();
  }

  /// What became of every shard's address.
  std::string Tried() const {
    std::string tried;
    for (std::size_t slot = 0; slot < clients_.size(); ++slot) {
      if (clients_[slot] == nullptr) continue;
      const std::string trouble = clients_[slot]->Trouble();
      tried += trouble.empty() ? fmt::format("; {}: connected, but not welcomed", addresses_[slot])
                               : fmt::format("; {}", trouble);
    }
    return tried;
  }

  void CheckAway(std::uint32_t slot, Time now) const {
    if (away_since_[slot] && now - *away_since_[slot] > kAwayLimit) {
      throw CommError(fmt::format("shard at {} has not answered for {:.0f} s; gave up",
                                  addresses_[slot], Seconds(now - *away_since_[slot])));
    }
  }

  void Leave() {
    for (auto& client : clients_) {
      if (client == nullptr) continue;
      if (!actor_.Finished()) client->Send(static_cast<std::uint8_t>(FrameKind::kGoodbye), {});
      client->Close();
    }
    const Time end = clock_.Now() + kFarewell;
    const auto queued = [&] {
      return std::any_of(clients_.begin(), clients_.end(), [](const auto& client) {
        return client != nullptr && client->QueuedBytes() > 0;
      });
    };
    while (queued() && clock_.Now() < end) loop_.RunOnce(kIdleSleep);
  }

  SteadyClock clock_;
  EventLoop loop_;
  Actor actor_;
  std::vector<std::string> addresses_;               ///< [slots]
  std::vector<std::unique_ptr<TcpClient>> clients_;  ///< [slots]; null: its shard has died
  std::vector<bool> open_;                           ///< [slots]: welcomed
  std::vector<std::optional<Time>> away_since_;      ///< [slots]: lost after a Welcome
  std::optional<Time> leaving_since_;
  bool welcomed_ = false;  ///< ever
  Time last_heard_;
  bool beats_;
  Time next_beat_{};
};

}  // namespace

WorkerEnd RunWorker(const WorkerOptions& options) {
  std::signal(SIGUSR1, SIG_IGN);
  std::signal(SIGUSR2, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  if (options.host_pid != 0) FollowParent(options.host_pid);
  if (options.addresses.empty()) throw ConfigError("no shard to connect to");
  if (options.token.empty()) throw ConfigError("no token; set STILLHOUSE_TOKEN");
  for (const auto& address : options.addresses) HostPort::Parse(address);

  ActorOptions actor;
  actor.incarnation = RandomBits();
  // A random index from the upper half: it names streams that no planned worker has.
  actor.index = options.index >= 0 ? static_cast<std::uint32_t>(options.index)
                                   : static_cast<std::uint32_t>(RandomBits() | 0x80000000U);
  actor.slots = static_cast<std::uint32_t>(options.addresses.size());
  actor.token = options.token;
  actor.envs = options.envs;
  return Worker(options, actor).Run();
}

}  // namespace stillhouse::actors
