#pragma once

#include <cstdint>
#include <vector>

#include "common/base/rng.h"
#include "common/model/model_state.h"

namespace stillhouse::learner {

/// What the teacher's compute keeps.
struct TeacherState {
  std::int64_t updates = 0;
  double average_missing = 1;  ///< share of the Polyak average that is still its start at 0
  ModelState model;
  std::uint64_t best_updates = 0;
  std::vector<float> best{};  ///< parameters of the best evaluation, canonical; empty: none kept
};

/// The learner's part of a checkpoint: the role's counters and streams, then the compute's state.
/// checkpoint_state.cc opens with the format.
struct LearnerState {
  std::uint64_t updates = 0;
  std::uint64_t samples = 0;  ///< rows consumed by updates: what was prefetched is drawn again
  std::uint64_t version = 0;
  std::uint64_t tail_batches = 0;
  bool frozen = false;  ///< the parameters are the final teacher's
  double loss_mean = 0;
  double q_mean = 0;
  double grad_norm_mean = 0;
  Rng::State sampler{};  ///< of the stream that draws batches
  TeacherState teacher;

  std::vector<std::uint8_t> Encode() const;
  /// Throws WireError.
  static LearnerState Decode(std::span<const std::uint8_t> bytes);
};

/// What a student's loss learns besides the network: parameters and their optimiser's memory.
struct BesideState {
  std::uint64_t steps = 0;
  std::vector<float> parameters{};  ///< empty: it learns nothing besides
  std::vector<float> first{};       ///< of the optimiser, as in ModelState
  std::vector<float> second{};
  std::vector<float> centre{};
};

/// What the compute keeps of one student.
struct StudentMemory {
  ModelState model;
  BesideState beside{};     ///< what its loss between features learns
  BesideState adversary{};  ///< what tells it from its label
};

/// One student's part of a checkpoint.
struct StudentState {
  std::uint64_t updates = 0;
  std::uint64_t version = 0;
  double loss_mean = 0;
  double agreement_mean = 0;
  StudentMemory memory;

  std::vector<std::uint8_t> Encode() const;
  /// Throws WireError.
  static StudentState Decode(std::span<const std::uint8_t> bytes);
};

}  // namespace stillhouse::learner
