#include "learner/distill/beside_state.h"

#include <utility>

#include <fmt/format.h>

#include "common/base/error.h"

namespace stillhouse::learner {

BesideState SaveBeside(const std::vector<float>& parameters, const FlatOptimizer& optimizer) {
  auto memory = optimizer.Save();
  return {memory.steps, parameters, std::move(memory.first), std::move(memory.second),
          std::move(memory.centre)};
}

void LoadBeside(const BesideState& state, std::string_view what, std::vector<float>& parameters,
                FlatOptimizer& optimizer) {
  if (state.parameters.size() != parameters.size()) {
    throw ShapeError(fmt::format("the state of {} has {} parameters, this one has {}", what,
                                 state.parameters.size(), parameters.size()));
  }
  optimizer.Load({state.steps, state.first, state.second, state.centre});
  parameters = state.parameters;
}

}  // namespace stillhouse::learner
