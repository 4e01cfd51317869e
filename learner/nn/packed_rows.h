#pragma once

#include <cstdint>
#include <span>

namespace stillhouse::learner {

/// Packed observations of one source, rows x PackedBytes; borrowed. A forward pass takes several
/// parts one after the other (s, then s'), so that nobody has to join them first.
using PackedRows = std::span<const std::uint8_t>;

}  // namespace stillhouse::learner
