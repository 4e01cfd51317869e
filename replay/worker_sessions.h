#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/tensor_spec.h"
#include "replay/worker_outbox.h"

namespace stillhouse::replay {

/// How far a worker's connection has come.
enum class SessionState : std::uint8_t {
  kConnected,  ///< nothing but a Hello is taken
  kGreeted,    ///< has the token and the configuration; its environment is not known yet
  kReady,      ///< plays the right environment: chunks are taken
};

struct Session {
  SessionState state = SessionState::kConnected;
  std::uint64_t incarnation = 0;
  bool home = false;
  std::optional<double> epsilon;  ///< as last reported
};

/// A Hello that is not accepted; the text goes to the worker before the connection closes.
class RefusedError : public WireError {
 public:
  using WireError::WireError;
};

/// The workers' connections of one shard, by number.
class WorkerSessions {
 public:
  WorkerSessions(std::string token, EnvironmentSpec environment)
      : token_(std::move(token)), environment_(std::move(environment)) {}

  void Open(ConnectionId connection) { sessions_.try_emplace(connection); }
  void Remove(ConnectionId connection);
  /// nullptr when there is none.
  Session* Find(ConnectionId connection);

  /// Reads a Hello and moves the session of this connection, which is open, on. The token is
  /// compared, in constant time, before anything else is read. Throws RefusedError on a wrong token
  /// or environment (with both named), WireError on a malformed or unexpected Hello.
  void Greet(ConnectionId connection, std::span<const std::uint8_t> hello);

  /// Another connection of the incarnation, older than `newer`: that worker has reconnected.
  std::optional<ConnectionId> Predecessor(ConnectionId newer) const;
  /// The ready connection of an incarnation.
  std::optional<ConnectionId> OfIncarnation(std::uint64_t incarnation) const;
  /// Incarnations whose home this shard is, ready ones, in order of connection.
  std::vector<std::uint64_t> HomeWorkers() const;
  /// Mean over the home workers that have reported; none: no such worker.
  std::optional<double> MeanEpsilon() const;

  const std::map<ConnectionId, Session>& All() const { return sessions_; }

 private:
  std::string token_;
  EnvironmentSpec environment_;
  std::map<ConnectionId, Session> sessions_;
  /// Connections of each incarnation, once greeted: one, or two for a moment after a reconnect.
  std::unordered_map<std::uint64_t, std::vector<ConnectionId>> of_incarnation_;
};

}  // namespace stillhouse::replay
