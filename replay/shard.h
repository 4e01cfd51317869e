#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/tensor_spec.h"
#include "common/config/run_config.h"
#include "common/messages/control.h"
#include "common/messages/envelope.h"
#include "replay/chunk_intake.h"
#include "replay/departed_workers.h"
#include "replay/item_store.h"
#include "replay/log/priority_snapshot.h"
#include "replay/log/segment_storage.h"
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
  /// Of a resumed run with a durable store: the shard's part of the checkpoint, if it has one, and
  /// the item to begin with when nothing of the store is left.
  std::optional<ShardState> resume;
  ItemHandle first_handle = 0;
  /// Items from this one on are forgotten: a deterministic run goes on from the very moment of its
  /// checkpoint and makes them again.
  std::optional<ItemHandle> cut_at;
  /// With cut_at: tails at the checkpoints that are kept, oldest first.
  std::vector<ItemHandle> kept_tails{};
  bool fresh = false;  ///< nothing may be there: segments would be another run's
  /// Items at which a segment of the log is full; 0: a share of the store.
  std::uint64_t segment_items = 0;
};

/// What a shard keeps its chunks with (both borrowed for the shard's life), or nothing.
struct ShardDisk {
  SegmentStorage* storage = nullptr;  ///< read once, before anything else
  LogDevice* device = nullptr;        ///< works on the same storage
};

/// One shard of the replay store as a state machine: cluster messages and workers' frames in,
/// cluster messages and frames out. No I/O, no clock, never blocks. One thread at a time.
///
/// The cluster plane: SampleRequest -> SampleReply to whoever asked (also for no offsets: then it
/// merely tells the totals), PriorityUpdate, WeightsPublish, InsertGrant, RunStatus,
/// EvaluationTask, EvaluationRelease, CheckpointRequest -> ShardPart, Leave -> Left. Malformed
/// cluster messages throw WireError. The worker plane: see common/messages/worker_plane.h. A worker
/// that breaks the rules is closed; nothing that a worker sends makes these functions throw.
class Shard final : public Role {
 public:
  /// `workers` is borrowed for the shard's life. With a disk the store is recovered from what is
  /// there; throws StorageError when that cannot be read or is not this job's. Once the disk has
  /// refused a write, Tick throws StorageError too: nothing is acknowledged that is not kept.
  Shard(ShardSettings settings, WorkerOutbox& workers, ShardDisk disk = {});
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  RoleAddress Address() const override;
  void Handle(const Envelope& envelope, Time now, Outbox& out) override;
  void Tick(Time now, Outbox& out) override;

  void OnConnect(ConnectionId connection, Time now);
  void OnFrame(ConnectionId connection, FrameKind kind, std::vector<std::uint8_t> body, Time now,
               Outbox& out);
  void OnDisconnect(ConnectionId connection, Time now);
  /// The log may have come further: acknowledges what it can.
  void Settle() { intake_.Settle(workers_); }

  /// Leave has been answered.
  bool Finished() const { return finished_; }
  const ItemStore& Store() const { return store_; }
  /// What recovery has to say to people; once.
  std::vector<std::string> TakeNotes() { return std::exchange(notes_, {}); }
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
  std::pair<std::uint64_t, std::uint64_t> VersionsThatPlay() const;
  std::vector<std::uint8_t> EncodedStatus() const;
  void SendStatusToAll(Time now);
  void Report(Time now, Outbox& out);
  /// Reports when something has changed and the last report is long enough ago.
  void ReportChanges(Time now, Outbox& out);
  void Finish(Outbox& out);
  void Recover(const ShardDisk& disk);
  void BeginCheckpoint(std::uint64_t id, Outbox& out);
  void TickCheckpoint(Time now, Outbox& out);

  ShardSettings settings_;
  const std::uint16_t policy_;                ///< the model that acts
  const std::optional<std::uint16_t> guest_;  ///< and the one that does in other episodes
  WorkerOutbox& workers_;
  ItemStore store_;
  ChunkIntake intake_;
  std::optional<SegmentLog> log_;
  std::optional<PriorityWriter> priorities_;  ///< of the checkpoint under way
  std::optional<Time> last_slice_;            ///< of priorities handed to the log
  std::uint64_t checkpoint_id_ = 0;
  bool priorities_handed_over_ = false;
  std::deque<ItemHandle> checkpoint_tails_;  ///< of a deterministic run, newest last
  std::vector<std::string> notes_;
  WeightsCache weights_;
  WorkerSessions sessions_;
  OpenTasks open_tasks_;
  DepartedWorkers departed_;
  RunStatus status_;
  std::vector<EpisodeRecord> episodes_;  ///< since the last report
  std::uint64_t reported_inserted_ = 0;
  bool reported_blocked_ = false;
  double epsilon_mean_ = 0;  ///< as last known
  bool changed_ = true;      ///< workers came or went, episodes ended
  std::optional<Time> last_report_;
  std::optional<Time> last_status_;
  std::optional<Time> last_sketch_;
  bool finished_ = false;
};

}  // namespace stillhouse::replay
