#pragma once

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/net/event_loop.h"
#include "common/net/tcp_transport.h"
#include "replay/shard.h"

namespace stillhouse::replay {

/// A shard with its TCP server: frames of workers go to the shard's logic, what it says goes back.
/// A Role like any other to the rank's router. It tells the coordinator where it listens.
class ShardDriver final : public Role, private TcpHandler, private WorkerOutbox {
 public:
  /// Listens at once (ConfigError when the address is taken). `clock` outlives the driver.
  ShardDriver(ShardSettings settings, EventLoop& loop, const std::string& listen,
              const Clock& clock, NetLog log);

  RoleAddress Address() const override { return shard_.Address(); }
  void Handle(const Envelope& envelope, Time now, Outbox& out) override;
  void Tick(Time now, Outbox& out) override;
  bool HasLeft() const { return shard_.Finished(); }
  std::string ListenAddress() const { return server_.Address(); }

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
  void Close(ConnectionId connection, std::string_view reason) override;
  void SetReading(ConnectionId connection, bool reading) override;

  void FlushKept(Outbox& out);

  Kept kept_;
  const Clock& clock_;
  Shard shard_;
  TcpServer server_;
  bool announced_ = false;
};

}  // namespace stillhouse::replay
