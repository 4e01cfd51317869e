#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/layer_changes.h"
#include "common/base/tensor_spec.h"
#include "common/config/run_config.h"
#include "common/messages/labels.h"
#include "learner/protocol/checkpoint_state.h"
#include "replay/batch.h"

namespace stillhouse::learner {

/// What students get with a batch besides the labels of the present parameters.
struct LabelExtras {
  std::vector<OtherLabels> others{};        ///< of the same rows, as students asked for
  std::vector<TeacherFeatures> features{};  ///< of s, by the parameters that labelled
  std::vector<float> shared{};              ///< the first of these parameters
};

/// What one TD update gave, or a labelling: its labels and extras only.
struct TeacherStep {
  double loss = 0;
  double q_mean = 0;             ///< mean Q of the actions taken
  double grad_norm = 0;          ///< before clipping
  std::vector<float> td_errors;  ///< [B] absolute
  /// [rows, A] Q-values of the online network before the update, of s and, with
  /// LabelRows::kSAndNext, of s' below: by-products of the TD step's own forward passes.
  std::vector<float> labels;
  LabelExtras extras{};
  // Of Gradient alone.
  std::vector<float> gradient{};  ///< canonical order, not clipped
  std::uint32_t check = 0;        ///< of the parameters, now and then; 0: not looked at
};

/// The teacher's arithmetic behind a narrow seam: Torch in production, arithmetic by hand in the
/// simulator. One thread at a time.
class TeacherCompute {
 public:
  virtual ~TeacherCompute() = default;
  /// One TD update. Throws NumericError when the loss or the parameters stop being finite.
  virtual TeacherStep Update(const replay::Batch& batch) = 0;
  /// What Update finds out before it learns, and the gradient that it would follow.
  virtual TeacherStep Gradient(const replay::Batch& batch) = 0;
  /// The rest of an Update: learns along `gradient` (canonical order, not clipped). Returns its
  /// norm before clipping. Throws NumericError.
  virtual double StepAlong(std::span<const float> gradient) = 0;
  /// Labels and extras by the present (usually frozen) parameters, without learning.
  virtual TeacherStep Label(const replay::Batch& batch) = 0;
  /// Flat, in the NetworkSpec's order.
  virtual std::vector<float> Parameters() const = 0;
  /// These parameters, those after `updates`, had the best evaluation so far.
  virtual void KeepBest(std::vector<float> parameters, std::uint64_t updates) = 0;
  /// Replaces the parameters by the final teacher's: their Polyak average, the best that were kept
  /// (as they are while there are none), or as they are.
  virtual void Freeze(FinalTeacher final) = 0;
  /// All of it. Throws NumericError when a parameter is not finite.
  virtual TeacherState Save() const = 0;
  /// Goes on from there. Throws ShapeError when the state is of another network or optimiser.
  virtual void Load(const TeacherState& state) = 0;
};

/// What one batch gave one student.
struct StudentStep {
  double loss = 0;
  double agreement = 0;    ///< share of rows with the label's greedy action (canonical actions)
  bool skipped = false;    ///< nothing was learnt, because the turn said so
  bool waited = false;     ///< nothing was learnt: it is another student's round
  LayerChanges changes{};  ///< empty unless StudentTurn::measure
};

/// What the students should know of the moment, besides the batch.
struct StudentTurn {
  std::vector<std::uint64_t> label_age{};  ///< [students] teacher updates, of the teacher's labels
  std::vector<std::uint8_t> skip{};  ///< [students] 1: this batch is not for it; empty: for all
  /// [students] 1: it learns from labels by the teacher's copy (UseTeacher) instead of the batch's;
  /// empty: nobody does.
  std::vector<std::uint8_t> relabel{};
  /// [students] the return above random's as a share of the teacher's; empty: not known yet.
  std::vector<float> retention{};
  bool measure = false;  ///< say what each part of the loss changes; the update stays the same
};

/// All students of one host. One thread at a time.
class StudentCompute {
 public:
  virtual ~StudentCompute() = default;
  /// One update of every student from the same received rows. [students of the host]
  virtual std::vector<StudentStep> Update(const LabelledBatch& batch, const StudentTurn& turn) = 0;
  std::vector<StudentStep> Update(const LabelledBatch& batch) { return Update(batch, {}); }
  /// These are the parameters of the host's own copy of the teacher from now on.
  virtual void UseTeacher(std::span<const float> parameters) = 0;
  /// Flat parameters of the host's k-th student.
  virtual std::vector<float> Parameters(std::size_t student) const = 0;
  /// As TeacherCompute's, of the host's k-th student.
  virtual StudentMemory Save(std::size_t student) const = 0;
  virtual void Load(std::size_t student, const StudentMemory& memory) = 0;
};

/// Makes the compute of a process. Implemented by the Torch module that `stillhouse` loads at run
/// time, and by fakes.
class ComputeFactory {
 public:
  virtual ~ComputeFactory() = default;
  /// Canonical parameters that models begin with, [models]; an empty one, or none at all: at
  /// random. For what is made from now on.
  virtual void BeginWith(std::vector<std::vector<float>> initial) = 0;
  /// `label_rows`: what Update and Label give labels for. `want_labels` false: labels stay empty.
  virtual std::unique_ptr<TeacherCompute> MakeTeacher(const RunConfig& config,
                                                      const EnvironmentSpec& environment,
                                                      LabelRows label_rows, bool want_labels) = 0;
  /// `students`: indices into config.students.
  virtual std::unique_ptr<StudentCompute> MakeStudents(const RunConfig& config,
                                                       const EnvironmentSpec& environment,
                                                       std::span<const std::size_t> students) = 0;
  /// "LibTorch 1.13.1, cpu" for the log.
  virtual std::string Describe() const = 0;
};

}  // namespace stillhouse::learner
