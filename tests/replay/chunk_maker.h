#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "common/base/rng.h"
#include "replay/chunk.h"

namespace stillhouse::replay {

/// One float an observation, so that a row can name its time: steps of environment e at time t
/// observe 1000 e + t.
inline EnvironmentSpec CounterSpec() {
  EnvironmentSpec spec;
  spec.id = "test/counter";
  spec.observation = {ElementKind::kFloats, {1}};
  spec.num_actions = 3;
  spec.action_names = {"a", "b", "c"};
  spec.canonical_action = {0, 1, 2};
  return spec;
}

inline void AppendFloat(std::vector<std::uint8_t>& bytes, float value) {
  bytes.resize(bytes.size() + sizeof(value));
  std::memcpy(bytes.data() + bytes.size() - sizeof(value), &value, sizeof(value));
}

inline float FloatAt(const std::uint8_t* bytes) {
  float value = 0;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

/// `items` items and the n - 1 steps after them, none of which ends an episode: item i observes
/// first_item + i, takes action (first_item + i) % 3, gets reward 1 and has |TD error| `td`.
inline ExperienceChunk MakeChunk(std::uint64_t incarnation, std::uint64_t sequence,
                                 std::uint64_t first_item, std::uint32_t items,
                                 std::uint32_t n_step = 3, float td = 1) {
  ExperienceChunk chunk;
  chunk.incarnation = incarnation;
  chunk.sequence = sequence;
  chunk.first_item = first_item;
  const std::uint32_t steps = items + n_step - 1;
  for (std::uint32_t t = 0; t <= steps; ++t) {
    AppendFloat(chunk.observations, static_cast<float>(first_item + t));
    if (t == steps) break;
    chunk.actions.push_back(static_cast<std::int32_t>((first_item + t) % 3));
    chunk.rewards.push_back(1);
    chunk.flags.push_back(0);
  }
  chunk.td_errors.assign(items, td);
  return chunk;
}

}  // namespace stillhouse::replay
