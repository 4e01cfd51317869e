#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/net/event_loop.h"
#include "common/net/tcp_transport.h"
#include "replay/driver/threaded_device.h"
#include "replay/log/posix_storage.h"
#include "replay/shard.h"

namespace stillhouse::replay {

/// A shard with its TCP server: frames of workers go to the shard's logic, what it says goes back.
/// A Role like any other to the rank's router. It tells the coordinator where it listens.
class ShardDriver final : public Role, private TcpHandler, private WorkerOutbox {
 public:
  /// Listens at once (ConfigError when the address is taken). `clock` outlives the driver.
  /// `announced_host`: by which workers reach it, where that is not the address it listens on.
  /// `folder`: of the shard's log, unless replay.durability is none; the store is recovered from
  /// it here (StorageError).
  ShardDriver(ShardSettings settings, EventLoop& loop, const std::string& listen,
              const Clock& clock, const NetLog& log, std::string announced_host = {},
              const std::filesystem::path& folder = {});
  ~ShardDriver() override;

  RoleAddress Address() const override { return shard_.Address(); }
  void Handle(const Envelope& envelope, Time now, Outbox& out) override;
  void Tick(Time now, Outbox& out) override;
  bool HasLeft() const { return shard_.Finished(); }
  /// Where workers go, as the coordinator is told: the port is the real one.
  std::string ListenAddress() const;

 private:
  // Calls of the shard in answer to a worker's frame may want to speak to the cluster, and the
  // loop calls us outside Handle and Tick: what it says is kept and sent at the next Tick.
  struct Kept final : public Outbox {
    void Send(Envelope envelope) override { envelopes.push_back(std::move(envelope)); }
    std::vector<Envelope> envelopes;
  };

  void OnConnect(ConnectionId connection, const std::string& peer) override;
  void OnFrame(ConnectionId connection, std::uint8_t kind,
               std::span<const std::uint8_t> body) override;
  void OnDisconnect(ConnectionId connection, const std::string& reason) override;

  void Send(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body) override;
  void SendShared(ConnectionId connection, FrameKind kind, const SharedBytes& body) override;
  void Close(ConnectionId connection, std::string_view reason) override;
  void SetReading(ConnectionId connection, bool reading) override;

  void FlushKept(Outbox& out);
  static std::unique_ptr<PosixStorage> OpenStorage(const ShardSettings& settings,
                                                   const std::filesystem::path& folder);
  std::unique_ptr<ThreadedDevice> MakeDevice(const ShardSettings& settings, EventLoop& loop);

  Kept kept_;
  const Clock& clock_;
  const NetLog log_;
  const TcpServerOptions options_;
  std::map<ConnectionId, std::string> peers_;  ///< "host:port" of those that are open
  std::optional<FrameKind> handling_;          ///< the frame that the shard is called with
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  ///< for what the loop has queued
  std::unique_ptr<PosixStorage> storage_;
  std::unique_ptr<ThreadedDevice> device_;
  Shard shard_;
  TcpServer server_;
  const std::string announced_host_;
  bool announced_ = false;
};

}  // namespace stillhouse::replay
