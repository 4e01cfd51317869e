#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <unordered_map>
#include <vector>

#include "replay/item_store.h"
#include "replay/log/segment_log.h"
#include "replay/state_coverage.h"
#include "replay/version_lag.h"
#include "replay/worker_outbox.h"

namespace stillhouse::replay {

/// How workers' chunks become items: exactly once, in order, and never beyond the grant.
///
/// A chunk can be sampled as soon as it is stored, and is acknowledged once the log, if there is
/// one, has it as durably as the configuration asks.
///
/// A chunk is named by (incarnation, sequence). One that is stored already is acknowledged again
/// and not stored; one that skips a number breaks the rules. A chunk beyond the grant is parked,
/// and everything that comes after it, until the grant rises; a connection with more than
/// kMostParked of them is not read meanwhile.
class ChunkIntake {
 public:
  static constexpr std::size_t kMostParked = 16;

  /// Both borrowed. `environment` is what chunks are checked against; `max_items` bounds one
  /// chunk, so that it fits the grant sooner or later.
  ChunkIntake(ItemStore& store, const EnvironmentSpec& environment, std::uint32_t n_step,
              std::uint32_t max_items);

  /// Chunks are appended to `log` (borrowed) from now on, and these are known to be in it.
  void UseLog(SegmentLog& log, const WorkerSequences& sequences);

  /// A chunk from a connection of this incarnation. Throws WireError when it breaks the rules; then
  /// nothing has changed.
  void Offer(ConnectionId connection, std::uint64_t incarnation, std::vector<std::uint8_t> bytes,
             WorkerOutbox& out);

  /// The store may have taken `allowance` items in all; lower than before is ignored.
  void Grant(std::uint64_t allowance, WorkerOutbox& out);

  /// Training is over, or this job is: chunks that are not stored yet, parked ones too, are dropped
  /// from now on and never acknowledged. Workers forget theirs when they hear of it.
  void StopStoring(WorkerOutbox& out);

  /// Acknowledges what has become durable.
  void Settle(WorkerOutbox& out);

  /// The connection is gone; its parked chunks are dropped: the worker still has them.
  void Forget(ConnectionId connection);

  /// This worker never comes back: nothing is kept of it.
  void ForgetWorker(std::uint64_t incarnation) { workers_.erase(incarnation); }
  /// Workers of which something is kept, some 60 bytes each.
  std::size_t Workers() const { return workers_.size(); }

  /// Newest chunk of this incarnation that may be acknowledged; 0 = none.
  std::uint64_t DurableSequence(std::uint64_t incarnation) const;
  /// Newest chunk of every worker that is stored.
  WorkerSequences Sequences() const;
  bool Blocked() const { return parked_chunks_ > 0; }

  /// The newest weights there are: chunks stored from now on are measured against them.
  void SetNewestVersion(std::uint64_t version) { newest_version_ = version; }
  /// Of the chunks stored lately, parking included.
  const VersionLag& Lag() const { return lag_; }
  /// Of all steps stored since this process began.
  const StateCoverage& Coverage() const { return coverage_; }

 private:
  struct Worker {
    std::uint64_t stored = 0;   ///< sequence of the newest chunk in the store, or kClosedSequence
    std::uint64_t durable = 0;  ///< and in the log
    ConnectionId connection;    ///< from which its newest chunk came
  };
  /// A chunk that is stored and not acknowledged.
  struct Waiting {
    LogPosition position = 0;
    std::uint64_t incarnation = 0;
    std::uint64_t sequence = 0;
  };
  struct Parked {
    std::uint64_t incarnation = 0;
    std::deque<std::vector<std::uint8_t>> chunks;
    bool reading = true;
  };

  bool Fits(const ChunkView& chunk) const;
  void Store(ConnectionId connection, const ChunkView& chunk);
  void Acknowledge(ConnectionId connection, std::uint64_t incarnation, WorkerOutbox& out) const;
  void UpdateReading(ConnectionId connection, Parked& parked, WorkerOutbox& out) const;
  /// Takes parked chunks, one a connection in turn, as long as they fit.
  void TakeParked(WorkerOutbox& out);

  ItemStore& store_;
  const EnvironmentSpec& environment_;
  std::uint32_t n_step_;
  std::uint32_t max_items_;
  bool storing_ = true;
  std::uint64_t allowance_ = 0;
  SegmentLog* log_ = nullptr;
  std::unordered_map<std::uint64_t, Worker> workers_;  ///< by incarnation
  std::deque<Waiting> waiting_;                        ///< in the order of their positions
  std::vector<std::uint64_t> advanced_;                ///< scratch of Settle
  std::map<ConnectionId, Parked> parked_;              ///< no empty queues
  ConnectionId turn_;  ///< the connection whose parked chunk was taken last
  std::size_t parked_chunks_ = 0;
  std::uint64_t newest_version_ = 0;
  VersionLag lag_;
  StateCoverage coverage_;
};

}  // namespace stillhouse::replay
