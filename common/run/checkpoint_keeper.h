#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/messages/checkpoint.h"

namespace stillhouse {

/// The coordinator's side of a checkpoint: asks every student host and every shard that keeps a log
/// for its part, then the learner, and puts them together. A student host or shard that does not
/// answer in time is replaced by its last parts, whose age is then known; the learner is waited
/// for. The learner comes last, so that a stopped student makes nobody else's part old, and its
/// answer is the moment that the checkpoint holds. Logic only.
class CheckpointKeeper {
 public:
  /// A stopped or dead student or shard holds a checkpoint up for no longer.
  static constexpr Time kAnswerLimit = std::chrono::seconds(10);

  /// `host_of_student` [students]: who hosts model i + 1. `shards`: those that keep a log, all or
  /// none.
  CheckpointKeeper(std::uint16_t student_hosts, std::vector<std::uint16_t> host_of_student,
                   std::uint16_t shards = 0);

  /// Parts that are known before the first checkpoint: those that the run was resumed from.
  void Remember(const std::vector<ModelPart>& parts, Time now);

  /// Asks the student hosts and the shards. Nothing when a collection is under way already.
  void Begin(Time now, RoleAddress self, Outbox& out);
  bool Collecting() const { return stage_ != Stage::kIdle; }
  /// Asks the learner once the others have answered or had their time; not before it is called
  /// with the run in a state that can be resumed from.
  void AskLearnerWhenDue(Time now, RoleAddress self, Outbox& out);
  /// Whose answer is missing, and since when.
  std::vector<RoleAddress> Awaited() const;
  Time Since() const { return since_; }
  /// The run stays in its state until the answer is taken.
  bool AwaitsLearner() const { return stage_ == Stage::kLearner; }
  void OnPart(CheckpointPart part, RoleAddress from, Time now);
  void OnPart(ShardPart part, std::uint16_t shard);

  /// This role is gone for good: nobody waits for it, its last parts are used.
  void OnDown(RoleAddress role) { down_.insert(role); }

  /// All parts of a collection.
  struct Collected {
    std::uint64_t updates = 0;  ///< of the teacher
    std::uint64_t samples = 0;
    std::map<std::uint16_t, std::vector<std::uint8_t>> models;  ///< model -> part
    std::map<std::uint16_t, Time> reused;                       ///< model -> age of its part
    std::vector<std::uint16_t> missing;  ///< models of which there never was a part
    std::map<std::uint16_t, std::vector<std::uint8_t>> shards;  ///< shard -> part
    std::vector<std::uint16_t> silent_shards;                   ///< living, without an answer
  };
  /// The finished collection; once.
  std::optional<Collected> Take(Time now);

 private:
  struct Kept {
    std::vector<std::uint8_t> bytes;
    Time since{};
  };

  /// Student hosts and shards that have not died.
  std::vector<RoleAddress> Others() const;

  std::uint16_t student_hosts_;
  std::vector<std::uint16_t> host_of_student_;
  std::uint16_t shards_;
  std::map<std::uint16_t, Kept> last_;                              ///< model -> its newest part
  std::map<std::uint16_t, std::vector<std::uint8_t>> shard_parts_;  ///< the newest
  std::uint64_t id_ = 0;
  enum class Stage : std::uint8_t { kIdle, kOthers, kLearner };
  Stage stage_ = Stage::kIdle;
  Time since_{};
  std::set<RoleAddress> answered_;
  std::set<RoleAddress> down_;
  std::uint64_t updates_ = 0;
  std::uint64_t samples_ = 0;
};

}  // namespace stillhouse
