// What workers send to be stored. What a shard then keeps on disk is in log_targets.cc.
#include <cmath>
#include <cstring>

#include "common/base/error.h"
#include "common/base/rng.h"
#include "replay/chunk.h"
#include "tests/fuzz/fuzz_target.h"

namespace stillhouse::fuzz {
namespace {

using replay::ChunkView;
using replay::ExperienceChunk;

struct Store {
  EnvironmentSpec environment;
  std::uint32_t n_step = 1;
};

/// One of each kind of observation, and of both widths of an action.
std::vector<Store> Stores() {
  std::vector<Store> stores(4);
  const auto fill = [&stores](std::size_t i, TensorSpec observation, std::int32_t actions,
                              std::uint32_t n_step) {
    stores[i].environment.observation = std::move(observation);
    stores[i].environment.num_actions = actions;
    stores[i].n_step = n_step;
  };
  fill(0, {ElementKind::kBits, {4, 5, 5}}, 6, 3);
  fill(1, {ElementKind::kFloats, {4}}, 2, 1);
  fill(2, {ElementKind::kBytes, {3}}, 300, 5);
  fill(3, {ElementKind::kFloats, {}}, 1, 2);
  return stores;
}

Bytes SampleChunk(const Store& store, std::size_t steps, std::uint64_t seed) {
  Rng rng(seed);
  ExperienceChunk chunk;
  chunk.incarnation = 7;
  chunk.sequence = 1 + seed;
  const auto packed = static_cast<std::size_t>(store.environment.observation.PackedBytes());
  for (std::size_t t = 0; t < steps; ++t) {
    const bool end = t + 1 == steps || rng.Below(3) == 0;
    const std::uint8_t flag = rng.Below(2) == 0 ? replay::kTruncated : replay::kTerminated;
    chunk.actions.push_back(static_cast<std::int32_t>(
        rng.Below(static_cast<std::uint64_t>(store.environment.num_actions))));
    chunk.rewards.push_back(static_cast<float>(rng.Uniform()));
    chunk.flags.push_back(end ? flag : std::uint8_t{0});
    chunk.td_errors.push_back(static_cast<float>(rng.Uniform()));
    if (end && flag == replay::kTruncated) {
      chunk.final_observations.resize(chunk.final_observations.size() + packed, 1);
    }
  }
  chunk.observations.assign((steps + 1) * packed, 0);
  return chunk.Encode(store.environment);
}

/// Every byte that a sampler would copy.
void ReadAll(const ChunkView& chunk, const Store& store) {
  const auto packed = static_cast<std::size_t>(store.environment.observation.PackedBytes());
  Bytes copy(packed);
  for (std::uint32_t i = 0; i < chunk.Items(); ++i) {
    const auto view = chunk.Transition(i, store.n_step, 0.99);
    std::memcpy(copy.data(), view.observation, packed);
    if (view.discount != 0) std::memcpy(copy.data(), view.next_observation, packed);
    const bool fits = view.action >= 0 && view.action < store.environment.num_actions &&
                      view.discount >= 0 && view.discount <= 1 && !std::isnan(view.reward);
    if (!fits) throw std::logic_error("a transition that no worker could have made");
  }
}

/// The first byte says for which store the rest is.
FuzzTarget Chunks() {
  const auto stores = Stores();
  FuzzTarget target{.name = "chunk", .read = [stores](auto input, std::string& why) {
                      if (input.empty()) return false;
                      const Store& store = stores[input.front() % stores.size()];
                      return Accepts<WireError>(why, [&] {
                        ReadAll(ChunkView(input.subspan(1), store.environment, store.n_step),
                                store);
                      });
                    }};
  for (std::size_t i = 0; i < stores.size(); ++i) {
    for (const std::size_t steps : {1U, 3U, 8U}) {
      Bytes seed = {static_cast<std::uint8_t>(i)};
      const Bytes chunk = SampleChunk(stores[i], steps, steps);
      seed.insert(seed.end(), chunk.begin(), chunk.end());
      target.seeds.push_back(std::move(seed));
    }
  }
  return target;
}

}  // namespace

std::vector<FuzzTarget> StoreTargets() { return {Chunks()}; }

}  // namespace stillhouse::fuzz
