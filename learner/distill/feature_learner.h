#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/rng.h"
#include "common/config/run_config.h"
#include "learner/distill/factor_transfer.h"
#include "learner/distill/feature_losses.h"
#include "learner/nn/flat_optimizer.h"
#include "learner/protocol/checkpoint_state.h"

namespace stillhouse::learner {

/// Which layers a student's feature loss stands between.
struct FeatureLink {
  std::size_t student_layer = 0;
  std::size_t teacher_layer = 0;
  FeatureShape student;
  FeatureShape teacher;
};

/// One student's loss between features, with what is learnt for it besides the network: the
/// regressor of `hint`, the student's translator and the teacher's autoencoder of `autoencoder`.
/// They are trained by an optimiser of their own with the student's settings, and are no part of
/// the student that is published.
class FeatureLearner {
 public:
  /// `factors`: of kind autoencoder. The initial parameters are uniform in +-1/sqrt(inputs).
  FeatureLearner(const FeatureSettings& settings, const OptimizerSettings& optimizer,
                 const FeatureLink& link, std::size_t factors, Rng& rng);

  const FeatureLink& Link() const { return link_; }
  /// After `update` updates of the student.
  double WeightAt(std::uint64_t update) const { return settings_.weight.At(update); }

  struct Result {
    double loss = 0;              ///< weight * the loss of the kind
    std::vector<float> gradient;  ///< of `loss` by the student's features [B, Cs, Ps]
  };
  /// The loss of B rows, `weights` [B] or empty. One step of what is learnt here follows its
  /// gradient, of the autoencoder that of its reconstruction error (Kim et al. 2018 train it before
  /// the student; here it learns beside it, from the teacher that still moves). Throws ShapeError,
  /// and NumericError when it stops being finite.
  Result Learn(std::span<const float> student, std::span<const float> teacher,
               std::span<const float> weights, double weight);

  /// The same without a step.
  Result Evaluate(std::span<const float> student, std::span<const float> teacher,
                  std::span<const float> weights, double weight) const {
    return FeatureLearner(*this).Learn(student, teacher, weights, weight);
  }

  std::span<const float> Parameters() const { return parameters_; }
  BesideState Save() const;
  /// Throws ShapeError when the state is of another loss or optimiser.
  void Load(const BesideState& state);

 private:
  FeatureLoss<float> Compute(const FeatureRows<float>& rows) const;
  FactorShape Factors() const { return {link_.teacher, factors_}; }
  /// Of the loss's own; those of the autoencoder follow.
  std::size_t OwnParameters() const;

  FeatureSettings settings_;
  FeatureLink link_;
  std::size_t factors_;
  std::vector<float> parameters_;
  std::vector<float> gradient_;
  FlatOptimizer optimizer_;
};

}  // namespace stillhouse::learner
