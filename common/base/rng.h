#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace stillhouse {

/// SplitMix64 (Steele et al. 2014): spreads a seed over 64 bits; used to seed and to mix.
constexpr std::uint64_t SplitMix64(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// xoshiro256++ (Blackman & Vigna 2019). A stream is named by (seed, purpose, index); streams of
/// other names are independent for all practical purposes. Satisfies UniformRandomBitGenerator.
class Rng {
 public:
  using result_type = std::uint64_t;
  using State = std::array<std::uint64_t, 4>;

  explicit constexpr Rng(std::uint64_t seed, std::uint64_t purpose = 0, std::uint64_t index = 0) {
    std::uint64_t mix = seed;
    mix = SplitMix64(mix) ^ (purpose * 0xd1342543de82ef95ULL);
    mix = SplitMix64(mix) ^ (index * 0xaf251af3b0f025b5ULL);
    for (auto& word : state_) word = SplitMix64(mix);
  }

  static constexpr std::uint64_t min() { return 0; }
  static constexpr std::uint64_t max() { return ~std::uint64_t{0}; }

  constexpr std::uint64_t operator()() {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, 1), 53 bits.
  constexpr double Uniform() { return static_cast<double>((*this)() >> 11) * 0x1.0p-53; }

  /// Uniform in [0, bound); bound > 0. Lemire's multiply-shift without rejection: the bias is at
  /// most bound / 2^64.
  constexpr std::uint64_t Below(std::uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>((*this)()) * bound) >> 64);
  }

  constexpr const State& Save() const { return state_; }
  constexpr void Restore(const State& state) { state_ = state; }

 private:
  State state_{};
};

/// What a stream is for; part of its name.
enum class RngPurpose : std::uint64_t {
  kEnvironment = 1,
  kExploration = 2,
  kSampler = 3,
  kInitialParameters = 4,
  kEvaluation = 5,
  kBootstrap = 6,
  kIncarnation = 7,
  kShardChoice = 8,
};

inline Rng MakeRng(std::uint64_t seed, RngPurpose purpose, std::uint64_t index = 0) {
  return Rng(seed, static_cast<std::uint64_t>(purpose), index);
}

}  // namespace stillhouse
