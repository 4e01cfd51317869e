#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/ids.h"
#include "common/messages/worker_plane.h"

namespace stillhouse::replay {

/// A worker's connection at one shard, numbered by the driver and never used twice.
using ConnectionId = StrongId<struct ConnectionIdTag>;

/// What a shard may do to its workers' connections. Implemented by the TCP driver, the
/// deterministic run, the simulator and tests. A connection that no longer exists is ignored.
/// Calls never re-enter the shard.
class WorkerOutbox {
 public:
  virtual ~WorkerOutbox() = default;
  virtual void Send(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body) = 0;
  /// Sends what is queued, then closes. The shard has forgotten the connection already: no
  /// OnDisconnect need follow (one that does is ignored).
  virtual void Close(ConnectionId connection, std::string_view reason) = 0;
  /// false: take no more frames from this connection until told otherwise.
  virtual void SetReading(ConnectionId connection, bool reading) = 0;
};

}  // namespace stillhouse::replay
