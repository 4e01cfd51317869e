#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/tensor_spec.h"
#include "common/config/run_config.h"
#include "common/messages/envelope.h"
#include "replay/worker_outbox.h"

namespace stillhouse::replay {

/// Everything a shard needs to know before it starts.
struct ShardSettings {
  std::uint16_t index = 0;
  std::uint16_t shards = 1;
  RunConfig config;         ///< resolved
  std::string config_yaml;  ///< the same as text: handed to workers that know nothing yet
  EnvironmentSpec environment;
  std::string token;         ///< workers must say it first
  std::uint16_t models = 1;  ///< the teacher and the students
};

/// One shard of the replay store as a state machine: cluster messages and workers' frames in,
/// cluster messages and frames out. No I/O, no clock, never blocks. One thread at a time.
///
/// The cluster plane: SampleRequest -> SampleReply to whoever asked (also for no offsets: then it
/// merely tells the totals), PriorityUpdate, WeightsPublish, InsertGrant, RunStatus,
/// EvaluationTask, EvaluationRelease, Leave -> Left. Malformed cluster messages throw WireError.
/// The worker plane: see common/messages/worker_plane.h. A worker that breaks the rules is
/// closed; nothing that a worker sends makes these functions throw.
class Shard final : public Role {
 public:
  /// `workers` is borrowed for the shard's life.
  Shard(ShardSettings settings, WorkerOutbox& workers);
  ~Shard() override;

  RoleAddress Address() const override;
  void Handle(const Envelope& envelope, Time now, Outbox& out) override;
  void Tick(Time now, Outbox& out) override;

  void OnConnect(ConnectionId connection, Time now);
  void OnFrame(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body, Time now,
               Outbox& out);
  void OnDisconnect(ConnectionId connection, Time now);

  /// Leave has been answered.
  bool Finished() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stillhouse::replay
