#include "replay/worker_sessions.h"

#include <string_view>

#include "common/base/error.h"

namespace stillhouse::replay {
namespace {

/// Takes the same time wherever the texts differ.
bool EqualInConstantTime(std::string_view given, std::string_view secret) {
  std::size_t difference = given.size() ^ secret.size();
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char expected = secret.empty() ? '\0' : secret[i % secret.size()];
    difference |= static_cast<unsigned char>(given[i] ^ expected);
  }
  return difference == 0;
}

std::string Describe(const EnvironmentSpec& spec) {
  return fmt::format("{} {} with {} actions, time limit {}", spec.id, spec.observation.ToString(),
                     spec.num_actions, spec.time_limit);
}

}  // namespace

Session* WorkerSessions::Find(ConnectionId connection) {
  const auto found = sessions_.find(connection);
  return found == sessions_.end() ? nullptr : &found->second;
}

void WorkerSessions::Greet(ConnectionId connection, std::span<const std::uint8_t> hello) {
  Session& session = sessions_.at(connection);
  ByteReader first(hello, "Hello");
  if (!EqualInConstantTime(first.GetString(), token_)) throw RefusedError("wrong token");
  const auto message = DecodeFrame<Hello>(hello, "Hello");
  if (session.state == SessionState::kReady) throw WireError("Hello: said twice");
  if (session.state == SessionState::kGreeted && session.incarnation != message.incarnation) {
    throw WireError("Hello: another incarnation than before");
  }
  if (session.state == SessionState::kConnected) {
    of_incarnation_[message.incarnation].push_back(connection);
  }
  session.incarnation = message.incarnation;
  session.home = message.home;
  session.state = SessionState::kGreeted;
  if (message.environment.id.empty()) return;
  if (message.environment != environment_) {
    throw RefusedError(fmt::format("this job plays {}; the worker plays {}", Describe(environment_),
                                   Describe(message.environment)));
  }
  session.state = SessionState::kReady;
}

void WorkerSessions::Remove(ConnectionId connection) {
  const auto found = sessions_.find(connection);
  if (found == sessions_.end()) return;
  const auto greeted = of_incarnation_.find(found->second.incarnation);
  if (greeted != of_incarnation_.end()) {
    std::erase(greeted->second, connection);
    if (greeted->second.empty()) of_incarnation_.erase(greeted);
  }
  sessions_.erase(found);
}

std::optional<ConnectionId> WorkerSessions::Predecessor(ConnectionId newer) const {
  const auto mine = sessions_.find(newer);
  if (mine == sessions_.end()) return std::nullopt;
  const auto greeted = of_incarnation_.find(mine->second.incarnation);
  if (greeted == of_incarnation_.end()) return std::nullopt;
  for (const ConnectionId connection : greeted->second) {
    if (connection != newer) return connection;
  }
  return std::nullopt;
}

std::optional<ConnectionId> WorkerSessions::OfIncarnation(std::uint64_t incarnation) const {
  const auto greeted = of_incarnation_.find(incarnation);
  if (greeted == of_incarnation_.end()) return std::nullopt;
  for (const ConnectionId connection : greeted->second) {
    if (sessions_.at(connection).state == SessionState::kReady) return connection;
  }
  return std::nullopt;
}

std::vector<std::uint64_t> WorkerSessions::HomeWorkers() const {
  std::vector<std::uint64_t> workers;
  for (const auto& [connection, session] : sessions_) {
    if (session.state == SessionState::kReady && session.home) {
      workers.push_back(session.incarnation);
    }
  }
  return workers;
}

std::optional<double> WorkerSessions::MeanEpsilon() const {
  double sum = 0;
  int reported = 0;
  for (const auto& [connection, session] : sessions_) {
    if (!session.home || !session.epsilon) continue;
    sum += *session.epsilon;
    ++reported;
  }
  if (reported == 0) return std::nullopt;
  return sum / reported;
}

}  // namespace stillhouse::replay
