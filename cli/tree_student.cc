#include "cli/tree_student.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "cli/visited_states.h"
#include "common/base/action_mask.h"
#include "common/base/error.h"

namespace stillhouse::cli {
namespace {

constexpr std::size_t kRounds = 5;
constexpr std::size_t kStatesOfARound = 4000;

/// What visited states say, for a tree.
class Examples {
 public:
  explicit Examples(const EnvironmentSpec& environment) : environment_(environment) {
    examples_.features = static_cast<std::size_t>(environment.observation.Elements());
  }

  void Add(const VisitedStates& visited) {
    const auto bytes = static_cast<std::size_t>(environment_.observation.PackedBytes());
    const auto actions = static_cast<std::size_t>(environment_.num_actions);
    std::size_t at = examples_.observations.size();
    examples_.observations.resize(at + visited.Size() * examples_.features);
    for (std::size_t row = 0; row < visited.Size(); ++row, at += examples_.features) {
      Unpack(environment_.observation, &visited.packed[row * bytes], &examples_.observations[at]);
      const auto q = std::span(visited.q).subspan(row * actions, actions);
      const auto [low, high] = std::minmax_element(q.begin(), q.end());
      examples_.actions.push_back(environment_.canonical_action[GreedyAction(q)]);
      examples_.weights.push_back(static_cast<double>(*high) - static_cast<double>(*low));
    }
  }
  const TreeExamples& Get() const { return examples_; }

 private:
  const EnvironmentSpec& environment_;
  TreeExamples examples_;
};

Policy PlayingLike(const DecisionTree& tree, const TensorSpec& observation) {
  return [&tree, &observation,
          floats = std::vector<float>(static_cast<std::size_t>(observation.Elements()))](
             const SeenState& state) mutable {
    Unpack(observation, state.packed.data(), floats.data());
    return tree.Action(floats);
  };
}

/// "x[2]", or of an image "x[channel 1, row 0, column 7]".
std::string FeatureName(const TensorSpec& observation, std::size_t feature) {
  const auto& shape = observation.shape;
  if (shape.size() != 3) return fmt::format("x[{}]", feature);
  const auto columns = static_cast<std::size_t>(shape[2]);
  const std::size_t plane = static_cast<std::size_t>(shape[1]) * columns;
  return fmt::format("x[channel {}, row {}, column {}]", feature / plane, feature % plane / columns,
                     feature % columns);
}

double AgreementOn(const VisitedStates& states, const DecisionTree& tree,
                   const EnvironmentSpec& environment) {
  Examples examples(environment);
  examples.Add(states);
  const TreeExamples& seen = examples.Get();
  std::size_t agreeing = 0;
  for (std::size_t row = 0; row < seen.Size(); ++row) {
    const auto observation =
        std::span(seen.observations).subspan(row * seen.features, seen.features);
    if (tree.Action(observation) == seen.actions[row]) ++agreeing;
  }
  return seen.Size() == 0 ? 0 : static_cast<double>(agreeing) / static_cast<double>(seen.Size());
}

}  // namespace

TreeStudent DistilTree(NativeNetwork& model, actors::Environment& learning,
                       actors::Environment& reported, const VisitedStates& visited,
                       const TreeStudentSettings& settings) {
  const EnvironmentSpec environment = learning.Spec();
  if (environment.observation.masked_actions > 0) {
    throw ConfigError(fmt::format(
        "--tree: {} has a mask of legal actions, which a tree could not keep to", environment.id));
  }
  // Each round has seeds of its own, and so has what chooses between the trees.
  const std::size_t share = settings.learning_seeds.size() / (kRounds + 2);
  const auto seeds = [&](std::size_t part) {
    const auto begin = settings.learning_seeds.begin() + static_cast<std::ptrdiff_t>(part * share);
    return std::vector(begin, begin + static_cast<std::ptrdiff_t>(share));
  };
  VisitSettings visit{seeds(0), settings.max_steps, kStatesOfARound};
  Examples examples(environment);
  examples.Add(Visit(learning, model, PlaysBest, visit));
  const VisitSettings judge{seeds(1), settings.max_steps, 0, /*keep_states=*/false};
  std::optional<DecisionTree> best;
  double best_return = 0;
  std::size_t learnt_from = 0;
  for (std::size_t round = 0; round < kRounds; ++round) {
    const DecisionTree tree = DecisionTree::Grow(examples.Get(), {.depth = settings.depth});
    const Policy plays = PlayingLike(tree, environment.observation);
    const double worth = Visit(learning, model, plays, judge).return_mean;
    if (!best || worth > best_return) {
      best = tree;
      best_return = worth;
      learnt_from = examples.Get().Size();
    }
    visit.seeds = seeds(2 + round);
    examples.Add(Visit(learning, model, plays, visit));
  }

  TreeStudent student;
  student.depth = best->Depth();
  student.leaves = best->Leaves();
  student.states = learnt_from;
  student.agreement = AgreementOn(visited, *best, environment);
  const VisitSettings whole{settings.reported_seeds, settings.max_steps, 0, /*keep_states=*/false};
  const auto played = Visit(reported, model, PlayingLike(*best, environment.observation), whole);
  student.return_mean = played.return_mean;
  student.episodes = played.episodes;
  student.rules = best->Rules(
      [&](std::size_t feature) { return FeatureName(environment.observation, feature); },
      [&](std::int32_t action) {
        return environment.action_names.at(static_cast<std::size_t>(action));
      });
  return student;
}

}  // namespace stillhouse::cli
