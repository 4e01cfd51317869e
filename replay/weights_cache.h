#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "common/messages/labels.h"
#include "replay/worker_outbox.h"

namespace stillhouse::replay {

/// What a shard keeps of every model's weights for its workers: the newest version, and those
/// that evaluation rounds have pinned; and the workers that wait for one that has not come yet.
class WeightsCache {
 public:
  static constexpr std::size_t kMostWaiting = 256;  ///< of one connection

  explicit WeightsCache(std::uint16_t models) : models_(models) {}

  /// Keeps what has come and answers who waited for it. Throws WireError on an unknown model.
  void Publish(const WeightsPublish& message, WorkerOutbox& out);

  /// Answers a worker, now or when that version comes; one that will not come any more is
  /// answered with no parameters. Throws WireError on an unknown model or too many waiting.
  void Request(ConnectionId connection, const WeightsRequest& request, WorkerOutbox& out);

  /// The round is over: versions that nothing else holds go.
  void Release(std::uint32_t round);

  void Forget(ConnectionId connection);

  /// 0 = none yet.
  std::uint64_t NewestVersion(std::uint16_t model) const;
  std::uint64_t MemoryBytes() const;

 private:
  struct Entry {
    /// An encoded WeightsReply: sent as it is, by as many connections as want it.
    std::shared_ptr<const std::vector<std::uint8_t>> reply;
    std::set<std::uint32_t> rounds;  ///< that pin it
  };
  struct Model {
    std::map<std::uint64_t, Entry> versions;
    std::uint64_t newest = 0;
  };
  struct Waiting {
    ConnectionId connection;
    WeightsRequest request;
  };

  Model& At(std::uint16_t model);
  static void DropUnheld(Model& model);
  /// True when the request has been answered.
  bool Answer(ConnectionId connection, const WeightsRequest& request, WorkerOutbox& out);

  std::vector<Model> models_;
  std::vector<Waiting> waiting_;
};

}  // namespace stillhouse::replay
