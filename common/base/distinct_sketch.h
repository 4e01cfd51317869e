#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace stillhouse {

/// How many different things have been seen, in 4 KiB whatever their number: HyperLogLog
/// (Flajolet et al. 2007), standard error 1.04 / sqrt(4096) = 1.6 %. The sketch of a union is the
/// larger of each two registers, so that parts counted in several places can be joined.
class DistinctSketch {
 public:
  static constexpr std::size_t kRegisters = 4096;

  /// `hash`: of the thing, all 64 bits well mixed.
  void Add(std::uint64_t hash);
  /// [kRegisters], or empty, which stands for a sketch that has seen nothing (SH_CHECK).
  void Merge(std::span<const std::uint8_t> registers);
  double Estimate() const;
  const std::vector<std::uint8_t>& Registers() const { return registers_; }

 private:
  std::vector<std::uint8_t> registers_ = std::vector<std::uint8_t>(kRegisters, 0);
};

}  // namespace stillhouse
