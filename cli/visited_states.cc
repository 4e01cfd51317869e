#include "cli/visited_states.h"

#include "common/base/action_mask.h"

namespace stillhouse::cli {

std::int32_t PlaysBest(const SeenState& state) {
  return static_cast<std::int32_t>(GreedyAction(state.q, state.legal));
}

VisitedStates Visit(actors::Environment& environment, NativeNetwork& reference,
                    const Policy& policy, const VisitSettings& settings) {
  const auto bytes = static_cast<std::size_t>(environment.Spec().observation.PackedBytes());
  std::vector<std::uint8_t> packed(bytes);
  std::vector<float> q(static_cast<std::size_t>(environment.Spec().num_actions));
  VisitedStates visited;
  double sum = 0;
  const auto full = [&] { return settings.keep_states && visited.Size() == settings.max_states; };
  for (const auto seed : settings.seeds) {
    environment.Seed(seed);
    environment.Reset();
    double episode_return = 0;
    for (std::uint32_t step = 0; step < settings.max_steps && !full(); ++step) {
      environment.Observe(packed);
      if (settings.keep_states) {
        reference.Forward(packed, 1, q);
        visited.places.push_back({seed, step});
        visited.packed.insert(visited.packed.end(), packed.begin(), packed.end());
        visited.q.insert(visited.q.end(), q.begin(), q.end());
      }
      const auto legal = LegalActions(environment.Spec().observation, packed);
      const auto result = environment.Step(policy({packed, q, legal}));
      episode_return += static_cast<double>(result.reward);
      if (!result.Done() && step + 1 < settings.max_steps) continue;
      sum += episode_return;
      ++visited.episodes;
      break;
    }
    if (full()) break;
  }
  if (visited.episodes > 0) visited.return_mean = sum / static_cast<double>(visited.episodes);
  return visited;
}

}  // namespace stillhouse::cli
