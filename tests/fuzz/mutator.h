#pragma once

#include <cstddef>

#include "common/base/rng.h"
#include "tests/fuzz/fuzz_target.h"

namespace stillhouse::fuzz {

/// Changes `input` in one to eight small ways: bits, bytes, numbers and lengths that matter, pieces
/// cut, doubled, moved, taken from `other` (another input) or from the target's words. Then, three
/// times out of four, its checksums are made right again. The same stream gives the same changes.
void Mutate(const FuzzTarget& target, Bytes& input, std::span<const std::uint8_t> other, Rng& rng);

}  // namespace stillhouse::fuzz
