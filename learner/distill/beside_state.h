#pragma once

#include <string_view>
#include <vector>

#include "learner/nn/flat_optimizer.h"
#include "learner/protocol/checkpoint_state.h"

namespace stillhouse::learner {

// What a loss learns besides the student's network, to and from a checkpoint.

BesideState SaveBeside(const std::vector<float>& parameters, const FlatOptimizer& optimizer);
/// `what` has the parameters. Throws ShapeError when the state is of another number of them or of
/// another kind of optimiser.
void LoadBeside(const BesideState& state, std::string_view what, std::vector<float>& parameters,
                FlatOptimizer& optimizer);

}  // namespace stillhouse::learner
