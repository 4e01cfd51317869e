#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/rng.h"
#include "common/base/tensor_spec.h"

namespace stillhouse {

// Which actions are legal in a state. An environment that restricts them says so in its
// TensorSpec (masked_actions) and lays a mask behind each packed observation: bit a % 8 (least
// significant first) of byte a / 8 is 1 where action a is legal. So the mask travels wherever the
// observation does, and is stored with it. In code legal actions are flags: [A] or [rows, A] of 0
// and 1, empty where every action is legal.

/// The flags of packed observations, rows of spec.PackedBytes(): [rows, A], empty without a mask.
/// A mask without any bit, which no environment writes, restricts nothing.
std::vector<std::uint8_t> LegalActions(const TensorSpec& spec,
                                       std::span<const std::uint8_t> packed);

/// Writes the mask behind the elements of one packed observation. legal: [A], one of them 1.
void WriteActionMask(const TensorSpec& spec, std::span<const std::uint8_t> legal,
                     std::span<std::uint8_t> packed);

/// Row `row` of flags [rows, A]; empty stays empty.
inline std::span<const std::uint8_t> LegalOf(std::span<const std::uint8_t> legal, std::size_t row,
                                             std::size_t num_actions) {
  return legal.empty() ? legal : legal.subspan(row * num_actions, num_actions);
}

/// Index of the greatest value among the legal ones; the lowest index wins a tie. values.size()
/// when nothing is legal.
template <typename T>
std::size_t GreedyAction(std::span<const T> values, std::span<const std::uint8_t> legal = {}) {
  std::size_t best = values.size();
  for (std::size_t a = 0; a < values.size(); ++a) {
    if (!legal.empty() && legal[a] == 0) continue;
    if (best == values.size() || values[a] > values[best]) best = a;
  }
  return best;
}

/// Uniform over the legal ones of num_actions >= 1.
std::size_t RandomAction(std::size_t num_actions, std::span<const std::uint8_t> legal, Rng& rng);

}  // namespace stillhouse
