#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/tensor_spec.h"

namespace stillhouse {

// Of which task a state is, where one environment has several (the games of minatar/several). Such
// an environment says how many in its TensorSpec (contexts) and lays the number of one behind each
// packed observation, behind the mask of legal actions where there is one. So it travels wherever
// the observation does, and is stored with it. Networks do not see it.

/// The contexts of packed observations, rows of spec.PackedBytes(): [rows], empty where the
/// environment has none.
std::vector<std::uint8_t> ContextsOf(const TensorSpec& spec, std::span<const std::uint8_t> packed);

/// Writes the context behind one packed observation; context < spec.contexts.
void WriteContext(const TensorSpec& spec, std::uint8_t context, std::span<std::uint8_t> packed);

}  // namespace stillhouse
