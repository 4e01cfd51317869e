#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "common/messages/labels.h"
#include "learner/nn/trained_model.h"

namespace stillhouse::learner {

/// Makes up for a class that a student never met: it underrates it, and a larger bias of that class
/// alone puts that right (Hinton et al. 2015, section 3). The bias is chosen so that over the last
/// batches, rows of the class among them, the mean probability that the student gives it is the
/// share that it has. No label of a single row is used, and what the student learns stays as it is:
/// only parameters that leave the host are corrected.
class BiasCorrection {
 public:
  explicit BiasCorrection(std::int32_t label) : label_(label) {}

  /// Rows of s, truths included. Keeps the last kRows of them.
  void Remember(const LabelledBatch& batch);
  /// The parameters of `model` with the corrected bias; as they are while nothing is remembered or
  /// no row of the class is among it. Uses the model's Forward.
  std::vector<float> Apply(TrainedModel& model) const;

  static constexpr std::size_t kRows = 1024;

 private:
  struct Rows {
    std::vector<std::uint8_t> observations;
    std::size_t count = 0;
    std::size_t of_label = 0;
  };
  const std::int32_t label_;
  std::deque<Rows> batches_;
  std::size_t remembered_ = 0;  ///< rows
};

/// What must be added to logit `label` of every row of q [rows, A] so that the mean of its softmax
/// is `share`, between 0 and 1 (bisection to 1e-4; at most 100 either way).
float BalancingBias(std::span<const float> q, std::size_t num_actions, std::size_t label,
                    double share);

}  // namespace stillhouse::learner
