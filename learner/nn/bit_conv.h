#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "learner/nn/fused_layer.h"

namespace stillhouse::learner {

/// A first convolution straight from packed bits: a set bit adds one row of the weights to each
/// position that sees it; bits that are not set cost nothing. MinAtar sets 2 to 5 % of its bits.
class BitConv {
 public:
  /// parameter_offset: where AppendConvParameters put the weights.
  BitConv(const ConvShape& shape, bool relu, std::int64_t parameter_offset);

  std::int64_t OutSize() const { return shape_.Positions() * shape_.filters; }
  /// packed: bits of [channels, rows, columns] as ElementKind::kBits; out [positions, filters],
  /// one observation.
  void Forward(const float* parameters, std::span<const std::uint8_t> packed, float* out) const;
  /// Clears the layer's part of `gradient`: before the first Backward.
  void ClearGradient(float* gradient) const;
  /// Adds one observation's part of the gradient. out_gradient is masked in place.
  void Backward(std::span<const std::uint8_t> packed, const float* out, float* out_gradient,
                float* gradient) const;

 private:
  /// A position that sees an input element, and through which row of W [taps, filters].
  struct Link {
    std::uint32_t position = 0;
    std::uint32_t tap = 0;
  };
  template <std::int64_t kFilters>
  void AddRows(const float* weight, std::span<const std::uint8_t> packed, float* out) const;
  template <std::int64_t kFilters>
  void SumRows(std::span<const std::uint8_t> packed, const float* out_gradient,
               float* weight_gradient) const;
  template <typename Visit>
  void ForEachLink(std::span<const std::uint8_t> packed, Visit visit) const;

  const ConvShape shape_;
  const bool relu_;
  const std::int64_t offset_;
  std::vector<std::uint32_t> first_link_;  ///< [elements + 1], into links_
  std::vector<Link> links_;
  mutable std::vector<float> bias_sum_;  ///< scratch
};

}  // namespace stillhouse::learner
