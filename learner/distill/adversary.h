#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/rng.h"
#include "common/config/run_config.h"
#include "learner/nn/flat_optimizer.h"
#include "learner/protocol/checkpoint_state.h"

namespace stillhouse::learner {

/// `outputs` with those of illegal actions so low that their probability is 0, which also takes the
/// gradient from them; as they are when `legal` is empty.
std::vector<float> WithoutIllegal(std::span<const float> outputs,
                                  std::span<const std::uint8_t> legal);

/// L16: a small network that learns to tell the labels' outputs from the student's, while the
/// student learns to be taken for them (Goodfellow et al. 2014, with the generator's loss that does
/// not saturate; between outputs: Wang et al. 2018, "KDGAN"). It sees the probabilities
/// softmax(q / tau) of one state, without the state: A inputs, one hidden layer of tanh, one logit
/// d, sigmoid(d) being the probability that they are the label's.
class Adversary {
 public:
  /// `tau` divides both sides' outputs. Initial weights are uniform in +-1/sqrt(inputs), biases 0.
  Adversary(std::size_t num_actions, std::size_t units, double tau,
            const OptimizerSettings& optimizer, Rng& rng);

  struct Result {
    double loss = 0;              ///< weight * mean over rows of -log sigmoid(d(student))
    std::vector<float> gradient;  ///< of `loss` by the student's outputs [B, A]
  };
  /// One step of its own follows, down the mean over rows of
  /// (-log sigmoid(d(label)) - log(1 - sigmoid(d(student)))) / 2. Throws ShapeError.
  Result Learn(std::span<const float> student, std::span<const float> labels, double weight);
  /// The same without the step.
  Result Evaluate(std::span<const float> student, std::span<const float> labels,
                  double weight) const {
    return Adversary(*this).Learn(student, labels, weight);
  }
  /// d of every row.
  std::vector<float> Logits(std::span<const float> outputs) const;

  BesideState Save() const;
  /// Throws ShapeError when the state is of another network or optimiser.
  void Load(const BesideState& state);

 private:
  /// One row's probabilities and hidden units; returns d.
  double Forward(std::span<const float> outputs, std::span<double> probabilities,
                 std::span<double> hidden) const;
  /// Adds the gradient of scale * d by the parameters and, if given, by the probabilities.
  void Backward(std::span<const double> probabilities, std::span<const double> hidden, double scale,
                std::span<double> of_parameters, std::span<double> of_probabilities) const;

  std::size_t actions_;
  std::size_t units_;
  double tau_;
  std::vector<float> parameters_;  ///< W [units, A], b [units], v [units], c
  FlatOptimizer optimizer_;
};

}  // namespace stillhouse::learner
