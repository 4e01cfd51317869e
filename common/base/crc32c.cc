#include "common/base/crc32c.h"

#include <cstring>

#include <nmmintrin.h>

namespace stillhouse {

// The build's floor is x86-64-v3, which has the SSE4.2 instruction.
std::uint32_t Crc32c(std::span<const std::uint8_t> bytes, std::uint32_t crc) {
  std::uint64_t state = ~crc;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    state = _mm_crc32_u64(state, word);
  }
  auto tail = static_cast<std::uint32_t>(state);
  for (; left > 0; --left, ++at) tail = _mm_crc32_u8(tail, *at);
  return ~tail;
}

}  // namespace stillhouse
