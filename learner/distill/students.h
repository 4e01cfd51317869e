#pragma once

#include <memory>
#include <vector>

#include "learner/nn/trained_model.h"
#include "learner/protocol/compute.h"

namespace stillhouse::learner {

/// A student of this host: what it is trained to match, and the model that learns it.
struct HostedStudent {
  StudentSettings settings;
  std::unique_ptr<TrainedModel> model;
  std::uint64_t updates = 0;  ///< that it has had, in earlier attempts too: schedules go by them
};

/// Share of rows in which the greedy actions of `student` and `teacher` [rows, A] are the same,
/// equivalent actions counted as equal (`canonical` [A], see EnvironmentSpec).
double Agreement(std::span<const float> student, std::span<const float> teacher,
                 std::span<const std::int32_t> canonical);

/// Trains every student of a host on the same received rows.
class Students final : public StudentCompute {
 public:
  /// `canonical`: EnvironmentSpec::canonical_action.
  Students(std::vector<HostedStudent> students, std::vector<std::int32_t> canonical);

  /// A student with `rows: s` uses the first `batch` rows, others all. Throws NumericError when a
  /// student's loss stops being finite, ShapeError when the batch does not fit.
  std::vector<StudentStep> Update(const LabelledBatch& batch) override;
  std::vector<float> Parameters(std::size_t student) const override;
  ModelState Save(std::size_t student) const override;
  void Load(std::size_t student, const ModelState& state) override;

 private:
  void CheckBatch(const LabelledBatch& batch) const;
  StudentStep UpdateOne(HostedStudent& student, const LabelledBatch& batch);

  std::vector<HostedStudent> students_;
  const std::vector<std::int32_t> canonical_;
  std::vector<float> row_weights_;  ///< [rows]: the batch's weights, for s and again for s'
};

}  // namespace stillhouse::learner
