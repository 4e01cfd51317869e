#include "cli/explanation_report.h"

#include <algorithm>
#include <numeric>

#include <fmt/ostream.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace stillhouse::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Of the reference's action, over the model's.
std::vector<std::uint64_t> RowOf(const Disagreements& found, std::size_t action,
                                 std::size_t actions) {
  const auto begin = found.choices.begin() + static_cast<std::ptrdiff_t>(action * actions);
  return {begin, begin + static_cast<std::ptrdiff_t>(actions)};
}

}  // namespace

Json DisagreementsJson(const Disagreements& found, const std::vector<std::string>& action_names) {
  const std::size_t actions = action_names.size();
  Json json{{"states", found.states}, {"actions", Json::array()}, {"worst", Json::array()}};
  for (std::size_t action = 0; action < actions; ++action) {
    json["actions"].push_back({{"action", action_names[action]},
                               {"chosen_by_model", RowOf(found, action, actions)},
                               {"loss_mean", found.loss_of_action[action]}});
  }
  for (const auto& state : found.worst) {
    json["worst"].push_back({{"seed", state.place.seed},
                             {"step", state.place.step},
                             {"reference_action", state.reference_action},
                             {"model_action", state.model_action},
                             {"loss", state.loss},
                             {"reference_q", state.reference_q},
                             {"model_q", state.model_q}});
  }
  return json;
}

Json TreeJson(const TreeStudent& tree) {
  return {{"depth", tree.depth},
          {"leaves", tree.leaves},
          {"learnt_from_states", tree.states},
          {"agreement", tree.agreement},
          {"return_mean", tree.return_mean},
          {"episodes", tree.episodes},
          {"rules", tree.rules}};
}

void PrintDisagreements(const Disagreements& found, const std::vector<std::string>& action_names,
                        std::ostream& out) {
  const std::size_t actions = action_names.size();
  fmt::print(out, "  by action, over {} states of the first model (rows: its choice):\n",
             found.states);
  std::size_t width = 6;
  for (const auto& name : action_names) width = std::max(width, name.size());
  fmt::print(out, "    {:<{}}", "", width);
  for (const auto& name : action_names) fmt::print(out, "  {:>{}}", name, width);
  fmt::print(out, "  {:>{}}  {:>10}\n", "agree", width, "mean loss");
  for (std::size_t action = 0; action < actions; ++action) {
    const auto row = RowOf(found, action, actions);
    const auto states = std::accumulate(row.begin(), row.end(), std::uint64_t{0});
    fmt::print(out, "    {:<{}}", action_names[action], width);
    for (const auto count : row) fmt::print(out, "  {:>{}}", count, width);
    const std::string agree =
        states == 0
            ? "-"
            : fmt::format("{:.3f}", static_cast<double>(row[action]) / static_cast<double>(states));
    fmt::print(out, "  {:>{}}  {:>10.4g}\n", agree, width, found.loss_of_action[action]);
  }
  if (found.worst.empty()) return;
  fmt::print(out, "  where most is lost by it:\n");
  for (const auto& state : found.worst) {
    fmt::print(
        out, "    seed {}, step {}: {} instead of {}, {:.4g} lost; Q [{:.4g}], its own [{:.4g}]\n",
        state.place.seed, state.place.step,
        action_names[static_cast<std::size_t>(state.model_action)],
        action_names[static_cast<std::size_t>(state.reference_action)], state.loss,
        fmt::join(state.reference_q, ", "), fmt::join(state.model_q, ", "));
  }
}

void PrintTree(const TreeStudent& tree, const std::string& of_model, std::ostream& out) {
  fmt::print(
      out,
      "{} as a decision tree: {} levels, {} leaves, learnt from {} states; return {:.2f} over {} "
      "episodes, agreement {:.3f}\n",
      of_model, tree.depth, tree.leaves, tree.states, tree.return_mean, tree.episodes,
      tree.agreement);
  for (const auto& line : tree.rules) fmt::print(out, "  {}\n", line);
}

}  // namespace stillhouse::cli
