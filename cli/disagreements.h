#pragma once

#include <cstdint>
#include <vector>

#include "cli/visited_states.h"
#include "common/base/tensor_spec.h"

namespace stillhouse::cli {

/// Where a model chooses otherwise than the reference, on the states that the reference visits.
struct Disagreements {
  struct State {
    VisitedStates::Place place;
    std::vector<float> reference_q;  ///< [A]
    std::vector<float> model_q;      ///< [A]
    std::int32_t reference_action = 0;
    std::int32_t model_action = 0;
    /// What the reference thinks is lost: max Q less its Q of the model's action.
    double loss = 0;
  };
  std::size_t states = 0;
  /// [A, A]: states in which the reference chose the row's action and the model the column's.
  std::vector<std::uint64_t> choices;
  /// [A]: mean loss over the states in which the reference chose this action; 0 without any.
  std::vector<double> loss_of_action;
  std::vector<State> worst;  ///< of greatest loss, the greatest first; only with other actions
};

/// `model` on `visited`; `worst` states at most are listed. Actions that always do the same count
/// as equal in `worst`, as everywhere.
Disagreements FindDisagreements(const VisitedStates& visited, const EnvironmentSpec& environment,
                                NativeNetwork& model, std::size_t worst);

}  // namespace stillhouse::cli
