#include "tests/fuzz/mutator.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace stillhouse::fuzz {
namespace {

/// Where arithmetic goes wrong: around powers of two, signs, and sizes that a product overflows.
constexpr std::array<std::uint64_t, 26> kNumbers = {0,
                                                    1,
                                                    2,
                                                    3,
                                                    7,
                                                    8,
                                                    15,
                                                    16,
                                                    63,
                                                    64,
                                                    127,
                                                    128,
                                                    255,
                                                    256,
                                                    4095,
                                                    65535,
                                                    65536,
                                                    std::uint64_t{1} << 24U,
                                                    0x7fffffff,
                                                    0x80000000,
                                                    0xffffffff,
                                                    std::uint64_t{1} << 32U,
                                                    std::uint64_t{1} << 61U,
                                                    0x7fffffffffffffff,
                                                    0x8000000000000000,
                                                    0xffffffffffffffff};
/// The floats that decide something: NaN, infinity, the largest, -0, a denormal.
constexpr std::array<std::uint32_t, 5> kFloats = {0x7fc00000, 0x7f800000, 0x7f7fffff, 0x80000000,
                                                  0x00000001};
constexpr std::uint64_t kMostChanges = 8;

class Change {
 public:
  Change(const FuzzTarget& target, Bytes& input, std::span<const std::uint8_t> other, Rng& rng)
      : target_(target), input_(input), other_(other), rng_(rng) {}

  void One() {
    if (!target_.words.empty() && rng_.Below(target_.text ? 3 : 8) == 0) return Word();
    switch (rng_.Below(11)) {
      case 0:
        if (!input_.empty()) input_[At()] ^= static_cast<std::uint8_t>(1U << rng_.Below(8));
        return;
      case 1:
        if (!input_.empty()) input_[At()] = Byte();
        return;
      case 2:
      case 3:
        return Number();
      case 4:
        return Nudge();
      case 5:
        return input_.resize(rng_.Below(input_.size() + 1));
      case 6:
        return Insert(Bytes(1 + rng_.Below(rng_.Below(4) == 0 ? 64 : 4), Byte()));
      case 7:
        return Cut();
      case 8:
        return Insert(Piece(input_));
      case 9:
        return Splice();
      default:
        return Overwrite(Piece(other_));
    }
  }

 private:
  std::size_t At() { return rng_.Below(input_.size()); }
  std::uint8_t Byte() {
    if (target_.text && rng_.Below(4) != 0) return static_cast<std::uint8_t>(32 + rng_.Below(95));
    return static_cast<std::uint8_t>(rng_());
  }
  Bytes Piece(std::span<const std::uint8_t> from) {
    if (from.empty()) return {};
    const std::size_t begin = rng_.Below(from.size());
    const std::size_t length = 1 + rng_.Below(std::min<std::size_t>(from.size() - begin, 64));
    return {from.begin() + static_cast<std::ptrdiff_t>(begin),
            from.begin() + static_cast<std::ptrdiff_t>(begin + length)};
  }
  void Insert(const Bytes& piece) {
    const auto at = static_cast<std::ptrdiff_t>(rng_.Below(input_.size() + 1));
    input_.insert(input_.begin() + at, piece.begin(), piece.end());
  }
  void Overwrite(const Bytes& piece) {
    if (piece.empty() || input_.empty()) return;
    const std::size_t at = At();
    std::copy_n(piece.begin(), std::min(piece.size(), input_.size() - at),
                input_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  void Cut() {
    if (input_.empty()) return;
    const std::size_t at = At();
    const std::size_t most = std::min<std::size_t>(input_.size() - at, 1 + rng_.Below(64));
    const auto begin = input_.begin() + static_cast<std::ptrdiff_t>(at);
    input_.erase(begin, begin + static_cast<std::ptrdiff_t>(most));
  }
  /// The beginning of this one, the end of the other.
  void Splice() {
    const std::size_t keep = rng_.Below(input_.size() + 1);
    const std::size_t from = rng_.Below(other_.size() + 1);
    input_.resize(keep);
    input_.insert(input_.end(), other_.begin() + static_cast<std::ptrdiff_t>(from), other_.end());
  }
  void Word() { Insert(FromText(target_.words[rng_.Below(target_.words.size())])); }

  /// A number that matters over 1, 2, 4 or 8 bytes, or as digits in a text.
  void Number() {
    const std::uint64_t number = kNumbers[rng_.Below(kNumbers.size())];
    if (target_.text) return Insert(FromText(std::to_string(number)));
    if (rng_.Below(6) == 0) return Store(kFloats[rng_.Below(kFloats.size())], 4);
    Store(number, std::size_t{1} << rng_.Below(4));
  }
  /// Adds a little to a number, a length most likely: the first bytes hold most of those.
  void Nudge() {
    const std::size_t width = std::size_t{1} << rng_.Below(4);
    if (input_.size() < width) return;
    const std::size_t places = input_.size() - width + 1;
    const std::size_t at =
        rng_.Below(rng_.Below(2) == 0 ? std::min<std::size_t>(places, 48) : places);
    std::uint64_t value = 0;
    std::memcpy(&value, input_.data() + at, width);
    value += rng_.Below(2) == 0 ? 1 + rng_.Below(16) : ~rng_.Below(16);
    std::memcpy(input_.data() + at, &value, width);
  }
  void Store(std::uint64_t number, std::size_t width) {
    if (input_.size() < width) return;
    std::memcpy(input_.data() + rng_.Below(input_.size() - width + 1), &number, width);
  }

  const FuzzTarget& target_;
  Bytes& input_;
  std::span<const std::uint8_t> other_;
  Rng& rng_;
};

}  // namespace

void Mutate(const FuzzTarget& target, Bytes& input, std::span<const std::uint8_t> other, Rng& rng) {
  Change change(target, input, other, rng);
  // A text that is changed in many places is not even YAML or JSON any more.
  const std::uint64_t most = target.text ? 3 : kMostChanges;
  const std::uint64_t changes = 1 + rng.Below(rng.Below(2) == 0 ? 2 : most);
  for (std::uint64_t i = 0; i < changes; ++i) change.One();
  if (input.size() > target.max_bytes) input.resize(target.max_bytes);
  if (target.repair && rng.Below(4) != 0) target.repair(input);
}

}  // namespace stillhouse::fuzz
