#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/tensor_spec.h"
#include "common/config/run_config.h"
#include "common/messages/control.h"
#include "common/messages/envelope.h"
#include "replay/chunk_intake.h"
#include "replay/departed_workers.h"
#include "replay/item_store.h"
#include "replay/open_tasks.h"
#include "replay/weights_cache.h"
#include "replay/worker_outbox.h"
#include "replay/worker_sessions.h"

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
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  RoleAddress Address() const override;
  void Handle(const Envelope& envelope, Time now, Outbox& out) override;
  void Tick(Time now, Outbox& out) override;

  void OnConnect(ConnectionId connection, Time now);
  void OnFrame(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body, Time now,
               Outbox& out);
  void OnDisconnect(ConnectionId connection, Time now);

  /// Leave has been answered.
  bool Finished() const { return finished_; }
  const ItemStore& Store() const { return store_; }
  /// Workers that it remembers, connected or not.
  std::size_t KnownWorkers() const { return intake_.Workers(); }

 private:
  void HandleFrame(ConnectionId connection, Session& session, FrameKind kind,
                   std::vector<std::uint8_t> body, Outbox& out);
  void Greet(ConnectionId connection, Session& session, const std::vector<std::uint8_t>& body);
  void Goodbye(ConnectionId connection, const Session& session);
  void TakeWorkerReport(Session& session, const std::vector<std::uint8_t>& body);
  /// Forgets the connection and closes it.
  void Drop(ConnectionId connection, const std::string& reason);
  void SetStatus(const RunStatus& status);
  void ForwardEvaluation(const Envelope& envelope);
  void TakeEvaluationResult(const std::vector<std::uint8_t>& body, Outbox& out);
  void ReleaseRound(std::uint32_t round);
  void SendStatus(ConnectionId connection);
  void SendStatusToAll(Time now);
  void Report(Time now, Outbox& out);
  /// Reports when something has changed and the last report is long enough ago.
  void ReportChanges(Time now, Outbox& out);
  void Finish(Outbox& out);

  ShardSettings settings_;
  WorkerOutbox& workers_;
  ItemStore store_;
  ChunkIntake intake_;
  WeightsCache weights_;
  WorkerSessions sessions_;
  OpenTasks open_tasks_;
  DepartedWorkers departed_;
  RunStatus status_;
  std::vector<EpisodeRecord> episodes_;  ///< since the last report
  std::uint64_t reported_inserted_ = 0;
  bool reported_blocked_ = false;
  bool changed_ = true;  ///< workers came or went, episodes ended
  std::optional<Time> last_report_;
  std::optional<Time> last_status_;
  bool finished_ = false;
};

}  // namespace stillhouse::replay
