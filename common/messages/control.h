#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/layer_changes.h"
#include "common/messages/envelope.h"
#include "common/messages/sampling.h"

namespace stillhouse {

/// Where the run stands; the coordinator moves it forward, never back.
enum class RunPhase : std::uint8_t {
  kTrain,  ///< actors collect, the teacher learns, students learn along
  kTail,   ///< the teacher is frozen; actors only evaluate; students go on
  kFinal,  ///< students are frozen too; the final evaluation is played
  kEnd,    ///< leave
};

/// Coordinator -> everyone, on change and a few times a second.
struct RunStatus {
  static constexpr MessageKind kKind = MessageKind::kRunStatus;
  RunPhase phase = RunPhase::kTrain;
  std::uint64_t frames = 0;
  std::uint64_t updates = 0;
  std::vector<std::uint16_t> dead_shards{};  ///< gone for good: workers do without them
  /// [models] the return above random's as a share of the live teacher's, by the newest
  /// evaluation; empty before the first.
  std::vector<float> retention{};
  /// The evaluation round of this attempt in which the teacher was better than ever before; 0:
  /// none.
  std::uint32_t best_round = 0;
  std::size_t SizeHint() const { return 32 + dead_shards.size() * 2 + retention.size() * 4; }
  void Encode(ByteWriter& out) const;
  static RunStatus Decode(ByteReader& in);
};

/// One finished behaviour episode.
struct EpisodeRecord {
  float episode_return = 0;
  std::uint32_t length = 0;
};

/// Shard -> coordinator.
struct ShardReport {
  static constexpr MessageKind kKind = MessageKind::kShardReport;
  ShardTotals totals;
  std::uint64_t bytes = 0;                  ///< memory of the store
  std::uint64_t frames = 0;                 ///< behaviour steps stored, as counted here
  bool insert_blocked = false;              ///< a chunk waits for the insert grant
  double epsilon_mean = 0;                  ///< of the workers at home here
  std::uint32_t weights_lag_p99 = 0;        ///< versions, over the last 1024 chunks stored
  std::vector<std::uint64_t> home_workers;  ///< incarnations whose home this shard is
  std::vector<EpisodeRecord> episodes;      ///< finished since the last report
  /// [A] how often each action was taken in the steps stored; empty: nothing stored yet.
  std::vector<std::uint64_t> action_counts{};
  /// Registers of the DistinctSketch of the states stored; empty: not in this report.
  std::vector<std::uint8_t> visited{};
  std::size_t SizeHint() const {
    return 104 + (home_workers.size() + episodes.size() + action_counts.size()) * 8 +
           visited.size();
  }
  void Encode(ByteWriter& out) const;
  static ShardReport Decode(ByteReader& in);
};

/// Coordinator -> shard: items that it may have stored in all (cumulative, never lowered).
struct InsertGrant {
  static constexpr MessageKind kKind = MessageKind::kInsertGrant;
  std::uint64_t allowance = 0;
  std::size_t SizeHint() const { return 8; }
  void Encode(ByteWriter& out) const { out.Put(allowance); }
  static InsertGrant Decode(ByteReader& in) { return {in.Get<std::uint64_t>()}; }
};

/// Coordinator -> learner: samples that it may have requested in all (cumulative).
struct SampleGrant {
  static constexpr MessageKind kKind = MessageKind::kSampleGrant;
  std::uint64_t allowance = 0;
  std::size_t SizeHint() const { return 8; }
  void Encode(ByteWriter& out) const { out.Put(allowance); }
  static SampleGrant Decode(ByteReader& in) { return {in.Get<std::uint64_t>()}; }
};

/// What a learner that does nothing waits for.
enum class LearnerWait : std::uint8_t {
  kNothing,
  kIdle,        ///< its part is over
  kRestore,     ///< of a resumed run: its state
  kCompute,     ///< its compute thread has work in hand
  kReplies,     ///< of shards
  kEmptyStore,  ///< no shard holds anything
  kGrant,       ///< the rate limiter
  kCredits,     ///< in the tail: no student takes a batch
  kGradients,   ///< of other learners
};

/// Learner -> coordinator. Means are over the updates since the last report.
struct LearnerReport {
  static constexpr MessageKind kKind = MessageKind::kLearnerReport;
  std::uint64_t updates = 0;
  std::uint64_t samples = 0;  ///< requested for TD updates; draws of the tail are not counted
  std::uint64_t tail_batches = 0;
  std::uint64_t version = 0;
  double loss = 0;
  double q_mean = 0;
  double grad_norm = 0;
  bool sample_blocked = false;  ///< waits for the sample grant
  LearnerWait wait = LearnerWait::kNothing;
  std::vector<std::uint16_t> owing_shards{};    ///< whose replies have not come
  std::vector<std::uint16_t> owing_learners{};  ///< whose gradients have not come
  std::vector<std::uint64_t> dropped;      ///< [student hosts] batches skipped for want of credit
  std::vector<std::uint64_t> lag_updates;  ///< [student hosts] teacher updates behind
  std::vector<std::uint64_t> silent_ms;    ///< [student hosts] since its last credit
  std::size_t SizeHint() const {
    return 105 + (owing_shards.size() + owing_learners.size()) * 2 + dropped.size() * 24;
  }
  void Encode(ByteWriter& out) const;
  static LearnerReport Decode(ByteReader& in);
};

/// One student, as its host sees it.
struct StudentProgress {
  std::uint16_t model = 0;
  std::uint64_t updates = 0;
  std::uint64_t version = 0;
  double loss = 0;
  double agreement = 0;  ///< share of rows whose greedy action equals the label's, recent batches
  double label_age = 0;  ///< mean, teacher updates, recent batches; 0: no labels of the teacher
  std::uint64_t label_age_max = 0;  ///< of what was learnt from
  std::uint64_t stale = 0;          ///< batches left out because their labels were too old
  std::uint64_t relabelled = 0;     ///< batches labelled by the host's copy of the teacher
  LayerChanges changes{};           ///< of an update since the last report; or empty
};

/// Student host -> coordinator.
struct StudentReport {
  static constexpr MessageKind kKind = MessageKind::kStudentReport;
  std::vector<StudentProgress> students;
  std::size_t SizeHint() const {
    std::size_t bytes = 8;
    for (const StudentProgress& student : students) bytes += 72 + student.changes.SizeHint();
    return bytes;
  }
  void Encode(ByteWriter& out) const;
  static StudentReport Decode(ByteReader& in);
};

/// Actor host -> coordinator.
struct HostReport {
  static constexpr MessageKind kKind = MessageKind::kHostReport;
  std::uint32_t alive = 0;
  std::uint64_t restarts = 0;
  std::uint64_t hangs = 0;  ///< of these, ended by the host because they gave no sign of life
  std::size_t SizeHint() const { return 20; }
  void Encode(ByteWriter& out) const;
  static HostReport Decode(ByteReader& in);
};

/// Every process -> coordinator, for `ranks` in the progress log.
struct RankReport {
  static constexpr MessageKind kKind = MessageKind::kRankReport;
  std::uint32_t rank = 0;
  std::string roles;
  std::string host;
  std::uint64_t pid = 0;
  double busy = 0;  ///< CPU seconds a second since the last report
  std::uint64_t rss_bytes = 0;
  std::size_t SizeHint() const { return 64 + roles.size() + host.size(); }
  void Encode(ByteWriter& out) const;
  static RankReport Decode(ByteReader& in);
};

/// Coordinator -> learner, student hosts: stop changing the parameters of your models.
/// The learner then labels with the frozen teacher (the tail); a student host stops for good.
struct Freeze {
  static constexpr MessageKind kKind = MessageKind::kFreeze;
  std::size_t SizeHint() const { return 0; }
  void Encode(ByteWriter&) const {}
  static Freeze Decode(ByteReader&) { return {}; }
};

/// One model's last word.
struct FinalModel {
  std::uint16_t model = 0;  ///< 0 the teacher, 1.. the students
  std::uint64_t version = 0;
  std::uint64_t updates = 0;
  std::vector<float> parameters;  ///< flat, in the NetworkSpec's order
};

/// Learner, student host -> coordinator: done; these are the models that the run ends with.
struct Frozen {
  static constexpr MessageKind kKind = MessageKind::kFrozen;
  std::vector<FinalModel> models;
  std::size_t SizeHint() const {
    return 8 + (models.empty() ? 0 : models.size() * (32 + models.front().parameters.size() * 4));
  }
  void Encode(ByteWriter& out) const;
  static Frozen Decode(ByteReader& in);
};

/// Any role -> coordinator: the run cannot go on.
struct Failure {
  static constexpr MessageKind kKind = MessageKind::kFailure;
  std::string reason;
  std::size_t SizeHint() const { return 8 + reason.size(); }
  void Encode(ByteWriter& out) const { out.PutString(reason); }
  static Failure Decode(ByteReader& in) { return {in.GetString()}; }
};

/// Coordinator -> everyone: finish. Answered by Left, after which a role is not heard again.
struct Leave {
  static constexpr MessageKind kKind = MessageKind::kLeave;
  std::size_t SizeHint() const { return 0; }
  void Encode(ByteWriter&) const {}
  static Leave Decode(ByteReader&) { return {}; }
};
struct Left {
  static constexpr MessageKind kKind = MessageKind::kLeft;
  std::size_t SizeHint() const { return 0; }
  void Encode(ByteWriter&) const {}
  static Left Decode(ByteReader&) { return {}; }
};

/// Shard -> coordinator: where it listens for workers ("host:port").
struct Endpoint {
  static constexpr MessageKind kKind = MessageKind::kEndpoint;
  std::string address;
  std::size_t SizeHint() const { return 8 + address.size(); }
  void Encode(ByteWriter& out) const { out.PutString(address); }
  static Endpoint Decode(ByteReader& in) { return {in.GetString()}; }
};

/// Coordinator -> actor hosts: where all shards listen, in shard order, and the job's token.
struct EndpointTable {
  static constexpr MessageKind kKind = MessageKind::kEndpointTable;
  std::vector<std::string> addresses;
  std::string token;
  std::size_t SizeHint() const { return 64 + addresses.size() * 32; }
  void Encode(ByteWriter& out) const;
  static EndpointTable Decode(ByteReader& in);
};

}  // namespace stillhouse
