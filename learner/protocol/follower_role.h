#pragma once

#include <cstdint>

#include "common/base/rng.h"
#include "common/messages/checkpoint.h"
#include "common/messages/control.h"
#include "common/messages/gradients.h"
#include "common/messages/rank_down.h"
#include "learner/protocol/batch_source.h"
#include "learner/protocol/compute_port.h"

namespace stillhouse::learner {

/// A learner beside learner 0 (`teacher.learners` > 1), in synchronous data-parallel learning: it
/// draws batches of its own, sends their gradients to learner 0 and steps along the mean that comes
/// back. Its parameters are those of learner 0 at every update, so checkpoints hold nothing of it:
/// in a resumed run it begins with learner 0's state. Its draws are numbered, each with a random
/// stream of its own. Logic only.
class FollowerRole final : public Role {
 public:
  struct Settings {
    std::uint16_t index = 1;     ///< among the learners
    std::uint16_t learners = 2;  ///< with learner 0
    std::uint16_t shards = 1;
    TeacherSettings teacher;
    ReplaySettings replay;
    std::uint64_t seed = 1;
    bool resuming = false;  ///< a Restore will come
  };

  /// `port` is borrowed and outlives the role.
  FollowerRole(Settings settings, TeacherPort& port);

  RoleAddress Address() const override { return {RoleKind::kLearner, settings_.index}; }
  void Handle(const Envelope& envelope, Time now, Outbox& out) override;
  void Tick(Time now, Outbox& out) override;
  /// The outcome of a submitted job.
  void OnDone(TeacherOutcome outcome, Time now, Outbox& out);

  std::uint64_t Updates() const { return updates_; }
  bool HasLeft() const { return left_; }

 private:
  void Pump(Outbox& out);
  void OnMean(GradientMean mean);
  void OnRestore(const Restore& restore);
  void OnGradient(TeacherOutcome outcome, Outbox& out);

  Settings settings_;
  TeacherPort& port_;
  BatchSource source_;
  bool ready_;  ///< its state is that of the run
  bool failed_ = false;
  bool left_ = false;
  bool computing_ = false;     ///< a gradient is being made, or its mean is awaited
  std::uint64_t granted_ = 0;  ///< batches that may have been drawn in this attempt
  std::uint64_t drawn_ = 0;    ///< of these
  std::uint64_t streams_ = 0;  ///< random streams used by draws of the run
  std::uint64_t updates_ = 0;
};

/// Rows that each of `learners` draws for an update of `batch_size`.
inline std::uint32_t RowsOfEach(std::int32_t batch_size, std::uint16_t learners) {
  return static_cast<std::uint32_t>(batch_size) / learners;
}

}  // namespace stillhouse::learner
