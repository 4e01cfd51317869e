#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/config/run_config.h"

namespace stillhouse::learner {

/// Adam (Kingma & Ba 2015) or RMSprop (Hinton 2012; centred: Graves 2013) over one flat block,
/// with clipping of the gradient's norm, in two passes over memory: one for the norm, one for
/// everything else. Equal to torch::optim::Adam / RMSprop after torch::nn::utils::clip_grad_norm_
/// up to rounding.
class FlatOptimizer {
 public:
  FlatOptimizer(const OptimizerSettings& settings, std::size_t size);

  /// One step. Returns the gradient's L2 norm before clipping. Throws NumericError, with the
  /// parameters untouched, when it is not finite.
  double Step(std::span<float> parameters, std::span<const float> gradient);

  /// What it remembers between steps, in the order of the parameters; empty: this kind has none.
  struct Memory {
    std::uint64_t steps = 0;
    std::vector<float> first;
    std::vector<float> second;
    std::vector<float> centre;
  };
  Memory Save() const { return {static_cast<std::uint64_t>(steps_), first_, second_, centre_}; }
  /// Throws ShapeError when the memory is not of this kind of optimiser and this many parameters.
  void Load(Memory memory);

 private:
  OptimizerSettings settings_;
  std::int64_t steps_ = 0;
  std::vector<float> first_;   ///< Adam: mean of g; RMSprop: momentum buffer, if used
  std::vector<float> second_;  ///< mean of g^2
  std::vector<float> centre_;  ///< RMSprop, centred: mean of g
};

/// L2 norm, summed in double over blocks.
double GradientNorm(std::span<const float> gradient);
/// What the gradient is multiplied by: 1, or less when `norm` exceeds `max_norm` > 0.
double ClipFactor(double norm, double max_norm);

}  // namespace stillhouse::learner
