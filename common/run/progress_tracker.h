#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/distinct_sketch.h"
#include "common/messages/control.h"
#include "common/telemetry/progress_log.h"

namespace stillhouse {

/// Keeps the newest report of every role and makes progress records of them.
class ProgressTracker {
 public:
  struct Settings {
    std::vector<std::string> students;  ///< names, in model order
    std::vector<std::uint16_t> host_of_student;
    std::uint16_t shards = 1;
    std::int64_t min_size = 0;
    double start_unix_s = 0;  ///< 0 in deterministic runs: time is elapsed time
    std::uint32_t attempt = 1;
    /// Of the earlier attempts of a resumed run: what shards and learner report comes on top.
    std::uint64_t frames_before = 0;
    std::uint64_t inserted_before = 0;
    std::uint64_t episodes_before = 0;
    std::vector<std::uint8_t> visited_before{};  ///< DistinctSketch of the states stored
    std::uint64_t frames_at_start = 0;           ///< from where rates count
    /// What the learner goes on from; it reports totals.
    std::uint64_t updates_before = 0;
    std::uint64_t samples_before = 0;
    double elapsed_before_s = 0;
  };

  explicit ProgressTracker(Settings settings);

  void On(const ShardReport& report, std::uint16_t shard);
  void On(const LearnerReport& report) { learner_ = report; }
  void On(const StudentReport& report);
  void On(const HostReport& report, std::uint16_t host) { hosts_[host] = report; }
  void On(RankReport report) {
    if (!dead_ranks_.contains(report.rank)) ranks_[report.rank] = std::move(report);
  }

  /// This shard is gone for good: what it inserted still counts, what it held does not. Returns
  /// the items that it held.
  std::uint64_t OnShardDown(std::uint16_t shard);
  void OnHostDown(std::uint16_t host) { hosts_[host].alive = 0; }
  void OnRankDown(std::uint32_t rank) {
    dead_ranks_.insert(rank);
    ranks_.erase(rank);
  }

  std::uint64_t Frames() const;
  std::uint64_t Inserted() const;
  std::uint64_t Inserted(std::uint16_t shard) const { return shards_[shard].totals.inserted; }
  /// Items held now.
  std::uint64_t StoreSize() const;
  /// Every shard has reported.
  bool StoreKnown() const { return shards_known_.size() == shards_.size(); }
  std::uint64_t Episodes() const { return episodes_; }
  std::uint64_t Updates() const { return learner_.updates; }
  /// Registers of the sketch of all states stored, in earlier attempts too.
  const std::vector<std::uint8_t>& Visited() const { return visited_.Registers(); }
  std::uint64_t Samples() const { return learner_.samples; }
  /// Agreement with the labels of its recent batches.
  double StudentAgreement(std::size_t student) const { return students_[student].agreement; }
  std::uint64_t StudentUpdates(std::size_t student) const { return students_[student].updates; }
  /// Workers that this actor host has started again so far.
  std::uint64_t Restarts(std::uint16_t host) const {
    const auto found = hosts_.find(host);
    return found == hosts_.end() ? 0 : found->second.restarts;
  }
  /// Of these, those that it had to end.
  std::uint64_t Hangs(std::uint16_t host) const {
    const auto found = hosts_.find(host);
    return found == hosts_.end() ? 0 : found->second.hangs;
  }
  const LearnerReport& Learner() const { return learner_; }
  /// Chunks stand at the rate limiter in some shard.
  bool InsertsBlocked() const;
  /// Workers that are connected to their home shard.
  std::size_t WorkersAlive() const;
  const std::map<std::uint32_t, RankReport>& Ranks() const { return ranks_; }

  /// The record of this moment; rates are since the last call.
  ProgressRecord Take(Time now, RunPhase phase);

 private:
  void FillShards(ProgressRecord& record) const;
  void FillCoverage(ProgressRecord& record);
  void FillStudents(ProgressRecord& record, double interval_s);

  Settings settings_;
  std::vector<ShardReport> shards_;
  std::set<std::uint16_t> shards_known_;  ///< that have reported
  LearnerReport learner_;
  std::vector<StudentProgress> students_;
  std::map<std::uint16_t, HostReport> hosts_;
  std::map<std::uint32_t, RankReport> ranks_;
  std::set<std::uint32_t> dead_ranks_;
  std::deque<float> recent_returns_;
  std::uint64_t episodes_ = 0;
  DistinctSketch visited_;
  std::vector<std::uint64_t> actions_before_;  ///< [A] as of the last record
  ProgressRecord last_;
  bool has_last_ = false;
  std::uint64_t last_samples_ = 0;
};

/// "train", "tail", "final", "end"
const char* PhaseName(RunPhase phase);

}  // namespace stillhouse
