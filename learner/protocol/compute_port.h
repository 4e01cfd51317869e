#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/messages/labels.h"
#include "learner/protocol/compute.h"
#include "replay/batch.h"

namespace stillhouse::learner {

/// Something for the teacher's compute to do. Jobs are done in the order of submission, on a
/// thread of their own in production and inline in deterministic runs; the outcome comes back
/// through LearnerRole::OnDone.
struct TeacherJob {
  enum class Kind : std::uint8_t {
    kUpdate,      ///< a TD update on `batch`
    kGradient,    ///< its gradient alone
    kStep,        ///< the rest of an update, along `gradient`
    kLabel,       ///< labels for `batch`, no learning
    kParameters,  ///< hand out the parameters, for publication under `pin`
    kKeepBest,    ///< `best`, those after `best_updates`, are the best parameters so far
    kFreeze,      ///< become the final teacher, then hand out the parameters
    kSave,        ///< hand out the whole state, for checkpoint `checkpoint`
    kLoad,        ///< go on from `state`
  };
  Kind kind = Kind::kUpdate;
  replay::Batch batch;
  std::uint32_t pin = 0;
  FinalTeacher final = FinalTeacher::kAverage;
  std::uint64_t checkpoint = 0;
  std::optional<TeacherState> state;
  std::vector<float> gradient{};
  std::vector<float> best{};
  std::uint64_t best_updates = 0;
};

struct TeacherOutcome {
  TeacherJob job;  ///< as submitted, the batch included
  TeacherStep
      step;  ///< of kUpdate and kGradient; of kStep its norm; of kLabel only labels and extras
  std::vector<float> parameters;
  std::optional<TeacherState> state;  ///< of kSave
  std::string error;                  ///< not empty: the compute failed and does nothing more
};

/// Where a role submits jobs. Implementations never block.
class TeacherPort {
 public:
  virtual ~TeacherPort() = default;
  virtual void Submit(TeacherJob job) = 0;
};

/// The same for the students of one host.
struct StudentJob {
  enum class Kind : std::uint8_t { kUpdate, kParameters, kSave, kLoad, kTeacher };
  Kind kind = Kind::kUpdate;
  LabelledBatch batch;
  StudentTurn turn;  ///< of kUpdate
  std::uint32_t pin = 0;
  bool final = false;  ///< kParameters: the last ones of this run
  std::uint64_t checkpoint = 0;
  std::vector<float> teacher{};                      ///< kTeacher: parameters of the host's copy
  std::vector<std::optional<StudentMemory>> states;  ///< kLoad, [students]; none: as it is
};

struct StudentOutcome {
  StudentJob job;
  std::vector<StudentStep> steps;              ///< [students of the host]
  std::vector<std::vector<float>> parameters;  ///< [students of the host] for kParameters
  std::vector<StudentMemory> states;           ///< [students of the host] for kSave
  std::string error;
};

class StudentPort {
 public:
  virtual ~StudentPort() = default;
  virtual void Submit(StudentJob job) = 0;
};

/// Does one job; never throws (what the compute throws becomes `error`).
TeacherOutcome Perform(TeacherCompute& compute, TeacherJob job);
StudentOutcome Perform(StudentCompute& compute, std::size_t students, StudentJob job);

}  // namespace stillhouse::learner
