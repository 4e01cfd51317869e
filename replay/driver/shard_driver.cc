#include "replay/driver/shard_driver.h"

#include <algorithm>

#include "common/messages/control.h"
#include "common/net/descriptor_limit.h"
#include "common/net/log_throttle.h"
#include "replay/chunk.h"

namespace stillhouse::replay {
namespace {

/// Of a worker's frames that are not chunks: results and reports of episodes.
constexpr std::size_t kSmallFrameBytes = std::size_t{1} << 20U;
/// Besides the connections: log files, the cluster's own.
constexpr std::size_t kOtherDescriptors = 256;

/// What the largest chunk of this job takes. A frame that says it is longer is refused before it
/// is read, so that five hundred of them are no danger.
std::size_t LargestFrame(const ShardSettings& settings) {
  ChunkShape shape;
  shape.items = static_cast<std::uint32_t>(settings.config.actors.chunk_steps);
  shape.steps = shape.items + static_cast<std::uint32_t>(settings.config.replay.n_step) - 1;
  shape.finals = shape.steps;
  shape.action_bytes = sizeof(std::int32_t);
  shape.packed_bytes = static_cast<std::uint32_t>(settings.environment.observation.PackedBytes());
  return std::max(kSmallFrameBytes, shape.Bytes());
}

TcpServerOptions OptionsFor(const ShardSettings& settings, const std::string& listen) {
  TcpServerOptions options;
  options.listen = listen;
  options.max_body_bytes = LargestFrame(settings);
  return options;
}

}  // namespace

ShardDriver::ShardDriver(ShardSettings settings, EventLoop& loop, const std::string& listen,
                         const Clock& clock, const NetLog& log, std::string announced_host,
                         const std::filesystem::path& folder)
    : clock_(clock),
      log_(ThrottledLog(log)),
      options_(OptionsFor(settings, listen)),
      storage_(OpenStorage(settings, folder)),
      device_(MakeDevice(settings, loop)),
      shard_(std::move(settings), *this, {storage_.get(), device_.get()}),
      server_(loop, options_, *this, log_),
      announced_host_(std::move(announced_host)) {
  const std::size_t allowed = AllowDescriptors(options_.max_connections + kOtherDescriptors);
  if (allowed < options_.max_connections) {
    log_(
        fmt::format("{}: the system allows {} open files, fewer than the {} connections of a shard",
                    Address().ToString(), allowed, options_.max_connections));
  }
  for (const auto& note : shard_.TakeNotes()) log(Address().ToString() + ": " + note);
}

// The device's thread ends before anything that it may wake.
ShardDriver::~ShardDriver() {
  device_.reset();
  *alive_ = false;
}

std::unique_ptr<PosixStorage> ShardDriver::OpenStorage(const ShardSettings& settings,
                                                       const std::filesystem::path& folder) {
  if (settings.config.replay.durability == Durability::kNone) return nullptr;
  return std::make_unique<PosixStorage>(folder);
}

std::unique_ptr<ThreadedDevice> ShardDriver::MakeDevice(const ShardSettings& settings,
                                                        EventLoop& loop) {
  if (!storage_) return nullptr;
  const bool sync = settings.config.replay.durability == Durability::kSync;
  return std::make_unique<ThreadedDevice>(*storage_, sync, [this, &loop, alive = alive_] {
    loop.Post([this, alive] {
      if (*alive) shard_.Settle();
    });
  });
}

std::string ShardDriver::ListenAddress() const {
  const std::string bound = server_.Address();
  if (announced_host_.empty()) return bound;
  return HostPort{announced_host_, HostPort::Parse(bound).port}.ToString();
}

void ShardDriver::Handle(const Envelope& envelope, Time now, Outbox& out) {
  shard_.Handle(envelope, now, out);
}

void ShardDriver::Tick(Time now, Outbox& out) {
  if (!announced_) {
    announced_ = true;
    SendTo(out, Address(), kCoordinatorAddress, Endpoint{ListenAddress()});
  }
  FlushKept(out);
  shard_.Tick(now, out);
}

void ShardDriver::FlushKept(Outbox& out) {
  for (auto& envelope : kept_.envelopes) out.Send(std::move(envelope));
  kept_.envelopes.clear();
}

void ShardDriver::OnConnect(ConnectionId connection, const std::string& peer) {
  peers_[connection] = peer;
  shard_.OnConnect(connection, clock_.Now());
}

void ShardDriver::OnFrame(ConnectionId connection, std::uint8_t kind,
                          std::span<const std::uint8_t> body) {
  if (kind > static_cast<std::uint8_t>(kLastFrameKind)) {
    throw WireError(fmt::format("frame of unknown kind {}", kind));
  }
  handling_ = static_cast<FrameKind>(kind);
  shard_.OnFrame(connection, static_cast<FrameKind>(kind), {body.begin(), body.end()}, clock_.Now(),
                 kept_);
  handling_.reset();
}

void ShardDriver::OnDisconnect(ConnectionId connection, const std::string&) {
  peers_.erase(connection);
  shard_.OnDisconnect(connection, clock_.Now());
}

void ShardDriver::Send(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body) {
  // The Welcome is the shard's word that the token was right.
  if (kind == FrameKind::kWelcome) server_.MarkAuthenticated(connection);
  server_.Send(connection, static_cast<std::uint8_t>(kind), body);
}

void ShardDriver::SendShared(ConnectionId connection, FrameKind kind, const SharedBytes& body) {
  server_.Send(connection, static_cast<std::uint8_t>(kind), body);
}

void ShardDriver::Close(ConnectionId connection, std::string_view reason) {
  // In answer to a frame, and not to a goodbye: somebody does what a worker does not do.
  if (handling_ && *handling_ != FrameKind::kGoodbye) {
    log_(fmt::format("{}: {}: closed: {}", Address().ToString(), peers_[connection], reason));
  }
  server_.Close(connection, std::string(reason));
}

void ShardDriver::SetReading(ConnectionId connection, bool reading) {
  server_.SetReading(connection, reading);
}

}  // namespace stillhouse::replay
