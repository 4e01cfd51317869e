#pragma once

#include <span>
#include <vector>

#include "common/model/native_plan.h"

namespace stillhouse {

/// The layers that are no matrix product: pools, depthwise convolutions, norms, embeddings,
/// residual blocks. Plain loops, compiled once, so that they are the same on every CPU.

/// The stage of layer `index`, whose input lies as `in` says. `branches` has, for every open
/// residual block, how what its join adds lies; the block's own layers push, change and pop it.
NativeStage PlanOperator(const NetworkSpec& spec, std::size_t index, const ImageLayout& in,
                         std::vector<ImageLayout>& branches);

/// Copies the stage's tensors out of the flat block.
void LoadOperator(const NetworkSpec& spec, std::span<const float> values, NativeStage& stage);

/// One observation through a pool, a depthwise convolution, a norm or an embedding. `out`
/// [out.size] is overwritten, its padding with zeros.
void RunOperator(const NativeStage& stage, const float* in, float* out);

/// out = in + kept, of one observation.
void RunJoin(const NativeStage& stage, const float* in, const float* kept, float* out);

}  // namespace stillhouse
