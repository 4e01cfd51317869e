#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/env/environment.h"
#include "cli/visited_states.h"
#include "common/model/decision_tree.h"
#include "common/model/native_network.h"

namespace stillhouse::cli {

/// A decision tree distilled from a model, and what it is worth.
struct TreeStudent {
  std::size_t depth = 0;
  std::size_t leaves = 0;
  std::size_t states = 0;  ///< that it has learnt from
  double agreement = 0;    ///< with the model, on states that the model visits and it never learnt
  double return_mean = 0;  ///< of the reported seeds
  std::size_t episodes = 0;  ///< of these
  std::vector<std::string> rules;
};

struct TreeStudentSettings {
  std::size_t depth = 4;
  std::vector<std::uint64_t> learning_seeds;
  std::vector<std::uint64_t> reported_seeds;
  std::uint32_t max_steps = 10000;
};

/// Distils `model` into a tree: grown first from the states that the model visits, then anew from
/// these and those that the tree so far visits, labelled by the model (DAgger, Ross et al. 2011),
/// each state weighing what a wrong action costs there, max Q - min Q (VIPER, Bastani et al. 2018,
/// section 3); of the trees the one of greatest return on some of the learning seeds, of which
/// there are at least 7. Throws ConfigError for an environment with a mask of legal actions.
/// `learning`: where it learns; `reported`: where its return is measured; `visited`: what the model
/// visits there, on which the two are compared.
TreeStudent DistilTree(NativeNetwork& model, actors::Environment& learning,
                       actors::Environment& reported, const VisitedStates& visited,
                       const TreeStudentSettings& settings);

}  // namespace stillhouse::cli
