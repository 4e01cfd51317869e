#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "common/base/byte_io.h"

namespace stillhouse::actors {

/// The random stream of the MinAtar reference: numpy's legacy RandomState over MT19937
/// (Matsumoto & Nishimura 1998). Every use takes whole 32-bit words, nothing is buffered.
/// Own code rather than std::mt19937 because that one keeps 64-bit words and can be saved only
/// as text.
class MinAtarStream {
 public:
  explicit MinAtarStream(std::uint32_t seed = 0) { Seed(seed); }

  void Seed(std::uint32_t seed);

  /// The next raw word.
  std::uint32_t Next() {
    if (at_ == kWords) Refill();
    std::uint32_t y = words_[at_++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    return y ^ (y >> 18);
  }

  /// Uniform in [0, 1), 53 bits; two words.
  double Random() {
    const std::uint32_t high = Next() >> 5;
    const std::uint32_t low = Next() >> 6;
    return (high * 67108864.0 + low) / 9007199254740992.0;
  }

  /// Uniform in [low, high), low < high, by masked rejection: any number of words, none at all
  /// when there is only one value.
  int Integer(int low, int high) {
    const auto range = static_cast<std::uint32_t>(high - 1 - low);
    if (range == 0) return low;
    const std::uint32_t mask = ~std::uint32_t{0} >> std::countl_zero(range);
    std::uint32_t value = Next() & mask;
    while (value > range) value = Next() & mask;
    return low + static_cast<int>(value);
  }

  void Save(ByteWriter& out) const;
  /// Throws WireError when the position is impossible.
  void Load(ByteReader& in);

 private:
  static constexpr std::size_t kWords = 624;

  void Refill();

  std::array<std::uint32_t, kWords> words_{};
  std::uint32_t at_ = kWords;
};

}  // namespace stillhouse::actors
