#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/byte_io.h"
#include "common/base/ids.h"
#include "common/messages/worker_plane.h"

namespace stillhouse::replay {

/// What a shard may do to its workers' connections. Implemented by the TCP driver, the
/// deterministic run, the simulator and tests. A connection that no longer exists is ignored.
/// Calls never re-enter the shard.
class WorkerOutbox {
 public:
  virtual ~WorkerOutbox() = default;
  virtual void Send(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body) = 0;
  /// The same of a body that many connections may be sent at the same time. A transport that can
  /// keeps one copy for all of them.
  virtual void SendShared(ConnectionId connection, FrameKind kind,
                          const std::shared_ptr<const std::vector<std::uint8_t>>& body) {
    Send(connection, kind, *body);
  }
  /// Sends what is queued, then closes. The shard has forgotten the connection already: no
  /// OnDisconnect need follow (one that does is ignored).
  virtual void Close(ConnectionId connection, std::string_view reason) = 0;
  /// false: take no more frames from this connection until told otherwise.
  virtual void SetReading(ConnectionId connection, bool reading) = 0;
};

/// Encodes `body` (a struct of worker_plane.h) and sends it.
template <typename Body>
void SendFrame(WorkerOutbox& out, ConnectionId connection, FrameKind kind, const Body& body) {
  ByteWriter writer;
  body.Encode(writer);
  out.Send(connection, kind, writer.Take());
}

/// Decodes a frame's body; throws WireError on anything that does not fit.
template <typename Body>
Body DecodeFrame(std::span<const std::uint8_t> bytes, std::string_view what) {
  ByteReader reader(bytes, what);
  Body body = Body::Decode(reader);
  reader.ExpectEnd();
  return body;
}

}  // namespace stillhouse::replay
