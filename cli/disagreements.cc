#include "cli/disagreements.h"

#include <algorithm>

#include "common/base/action_mask.h"

namespace stillhouse::cli {
namespace {

constexpr std::size_t kRowsAtOnce = 64;

/// [n, A] of the model.
std::vector<float> QOf(const VisitedStates& visited, const EnvironmentSpec& environment,
                       NativeNetwork& model) {
  const auto bytes = static_cast<std::size_t>(environment.observation.PackedBytes());
  const auto actions = static_cast<std::size_t>(environment.num_actions);
  std::vector<float> q(visited.Size() * actions);
  for (std::size_t row = 0; row < visited.Size(); row += kRowsAtOnce) {
    const std::size_t rows = std::min(kRowsAtOnce, visited.Size() - row);
    model.Forward(std::span(visited.packed).subspan(row * bytes, rows * bytes),
                  static_cast<std::int64_t>(rows),
                  std::span(q).subspan(row * actions, rows * actions));
  }
  return q;
}

void KeepWorst(Disagreements::State state, std::size_t most,
               std::vector<Disagreements::State>& worst) {
  const auto place = std::upper_bound(
      worst.begin(), worst.end(), state.loss,
      [](double loss, const Disagreements::State& other) { return loss > other.loss; });
  if (place == worst.end() && worst.size() >= most) return;
  worst.insert(place, std::move(state));
  if (worst.size() > most) worst.pop_back();
}

}  // namespace

Disagreements FindDisagreements(const VisitedStates& visited, const EnvironmentSpec& environment,
                                NativeNetwork& model, std::size_t worst) {
  const auto actions = static_cast<std::size_t>(environment.num_actions);
  const auto& canonical = environment.canonical_action;
  const std::vector<float> model_q = QOf(visited, environment, model);
  const auto legal = LegalActions(environment.observation, visited.packed);
  Disagreements found;
  found.states = visited.Size();
  found.choices.resize(actions * actions);
  found.loss_of_action.resize(actions);
  std::vector<std::uint64_t> chosen(actions);
  for (std::size_t row = 0; row < visited.Size(); ++row) {
    const auto reference = std::span(visited.q).subspan(row * actions, actions);
    const auto other = std::span(model_q).subspan(row * actions, actions);
    const std::size_t first = GreedyAction(reference, LegalOf(legal, row, actions));
    const std::size_t second = GreedyAction(other, LegalOf(legal, row, actions));
    const double loss =
        static_cast<double>(reference[first]) - static_cast<double>(reference[second]);
    ++found.choices[first * actions + second];
    ++chosen[first];
    found.loss_of_action[first] += loss;
    if (canonical[first] == canonical[second] || worst == 0) continue;
    KeepWorst({visited.places[row],
               {reference.begin(), reference.end()},
               {other.begin(), other.end()},
               static_cast<std::int32_t>(first),
               static_cast<std::int32_t>(second),
               loss},
              worst, found.worst);
  }
  for (std::size_t action = 0; action < actions; ++action) {
    if (chosen[action] > 0) found.loss_of_action[action] /= static_cast<double>(chosen[action]);
  }
  return found;
}

}  // namespace stillhouse::cli
