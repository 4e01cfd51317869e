#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/messages/checkpoint.h"
#include "common/run/checkpoint_store.h"

namespace stillhouse {

/// The coordinator's own part of a checkpoint; coordinator_state.cc opens with the format.
struct CoordinatorState {
  std::uint64_t updates = 0;  ///< of the teacher
  std::uint64_t samples = 0;  ///< S of the rate limiter
  std::uint64_t frames = 0;
  std::uint64_t inserted = 0;  ///< I of the rate limiter
  std::uint64_t episodes = 0;
  std::uint32_t attempt = 1;
  Time elapsed{};     ///< of the run, over all attempts
  Time frozen_at{};   ///< when the teacher was frozen; 0: it has not been
  Time tail_spent{};  ///< of the students' time with the frozen teacher
  /// Where the schedules of evaluation and checkpoints stand, in the unit of each; below 0: at this
  /// moment.
  double last_evaluation = -1;
  double last_checkpoint = -1;
  std::vector<std::uint8_t> scores;   ///< ScoreKeeper::Save
  std::vector<std::uint8_t> visited;  ///< registers of the DistinctSketch of all states stored

  std::vector<std::uint8_t> Encode() const;
  /// Throws WireError.
  static CoordinatorState Decode(std::span<const std::uint8_t> bytes);
};

/// What a resumed run starts from.
struct ResumePoint {
  CoordinatorState coordinator;
  std::vector<ModelPart> models;  ///< of the models of this job that the checkpoint has
  /// Of the shards of the run that wrote it, those that kept a log: their parts, by index.
  std::map<std::uint16_t, std::vector<std::uint8_t>> shards{};
  bool students_frozen = false;  ///< only the final evaluation is left
};

/// "teacher.state", "student-<name>.state": a model's file in a checkpoint.
std::string CheckpointFileOf(const std::string& model, std::size_t index);

/// "shard-<k>.state": a shard's.
std::string ShardCheckpointFile(std::uint16_t shard);

/// `model_names`: of this job, teacher first. Students without a part start fresh. Throws WireError
/// when the coordinator's or the teacher's part is not there or not whole.
ResumePoint MakeResumePoint(const Checkpoint& checkpoint,
                            const std::vector<std::string>& model_names);

}  // namespace stillhouse
