#include "learner/nn/bit_conv.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace stillhouse::learner {

BitConv::BitConv(const ConvShape& shape, bool relu, std::int64_t parameter_offset)
    : shape_(shape), relu_(relu), offset_(parameter_offset) {
  const std::int64_t out_columns = shape.OutColumns();
  for (std::int64_t channel = 0; channel < shape.channels; ++channel) {
    for (std::int64_t y = 0; y < shape.rows; ++y) {
      for (std::int64_t x = 0; x < shape.columns; ++x) {
        first_link_.push_back(static_cast<std::uint32_t>(links_.size()));
        for (std::int64_t oy = 0; oy < shape.OutRows(); ++oy) {
          const std::int64_t ky = y + shape.padding - oy * shape.stride;
          if (ky < 0 || ky >= shape.kernel) continue;
          for (std::int64_t ox = 0; ox < out_columns; ++ox) {
            const std::int64_t kx = x + shape.padding - ox * shape.stride;
            if (kx < 0 || kx >= shape.kernel) continue;
            links_.push_back(
                {static_cast<std::uint32_t>(oy * out_columns + ox),
                 static_cast<std::uint32_t>((ky * shape.kernel + kx) * shape.channels + channel)});
          }
        }
      }
    }
  }
  first_link_.push_back(static_cast<std::uint32_t>(links_.size()));
}

template <typename Visit>
void BitConv::ForEachLink(std::span<const std::uint8_t> packed, Visit visit) const {
  const std::size_t elements = first_link_.size() - 1;
  for (std::size_t byte = 0; byte < packed.size(); byte += 8) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, packed.data() + byte, std::min<std::size_t>(8, packed.size() - byte));
    for (; bits != 0; bits &= bits - 1) {
      const std::size_t element = byte * 8 + static_cast<std::size_t>(std::countr_zero(bits));
      if (element >= elements) return;  // bits after the last element mean nothing
      for (std::uint32_t i = first_link_[element]; i < first_link_[element + 1]; ++i) {
        visit(links_[i]);
      }
    }
  }
}

// kFilters fixes the length of the inner loop so that it stays in registers; 0: any length.
template <std::int64_t kFilters>
void BitConv::AddRows(const float* weight, std::span<const std::uint8_t> packed, float* out) const {
  const std::int64_t filters = kFilters > 0 ? kFilters : shape_.filters;
  ForEachLink(packed, [&](const Link& link) {
    const float* __restrict from = weight + link.tap * filters;
    float* __restrict to = out + link.position * filters;
    for (std::int64_t f = 0; f < filters; ++f) to[f] += from[f];
  });
}

template <std::int64_t kFilters>
void BitConv::SumRows(std::span<const std::uint8_t> packed, const float* out_gradient,
                      float* weight_gradient) const {
  const std::int64_t filters = kFilters > 0 ? kFilters : shape_.filters;
  ForEachLink(packed, [&](const Link& link) {
    const float* __restrict from = out_gradient + link.position * filters;
    float* __restrict to = weight_gradient + link.tap * filters;
    for (std::int64_t f = 0; f < filters; ++f) to[f] += from[f];
  });
}

void BitConv::Forward(const float* parameters, std::span<const std::uint8_t> packed,
                      float* out) const {
  const float* weight = parameters + offset_;
  const float* bias = weight + shape_.Taps() * shape_.filters;
  for (std::int64_t position = 0; position < shape_.Positions(); ++position) {
    std::copy_n(bias, shape_.filters, out + position * shape_.filters);
  }
  switch (shape_.filters) {
    case 4:
      AddRows<4>(weight, packed, out);
      break;
    case 8:
      AddRows<8>(weight, packed, out);
      break;
    case 16:
      AddRows<16>(weight, packed, out);
      break;
    case 32:
      AddRows<32>(weight, packed, out);
      break;
    default:
      AddRows<0>(weight, packed, out);
  }
  if (!relu_) return;
  for (std::int64_t i = 0; i < OutSize(); ++i) out[i] = out[i] < 0 ? 0 : out[i];
}

void BitConv::ClearGradient(float* gradient) const {
  std::fill_n(gradient + offset_, (shape_.Taps() + 1) * shape_.filters, 0.0F);
}

void BitConv::Backward(std::span<const std::uint8_t> packed, const float* out, float* out_gradient,
                       float* gradient) const {
  bias_sum_.resize(static_cast<std::size_t>(shape_.filters));
  float* weight_gradient = gradient + offset_;
  float* bias_gradient = weight_gradient + shape_.Taps() * shape_.filters;
  MaskAndSum(out, shape_.Positions(), shape_.filters, relu_, out_gradient, bias_sum_.data());
  for (std::int64_t f = 0; f < shape_.filters; ++f) {
    bias_gradient[f] += bias_sum_[static_cast<std::size_t>(f)];
  }
  switch (shape_.filters) {
    case 4:
      return SumRows<4>(packed, out_gradient, weight_gradient);
    case 8:
      return SumRows<8>(packed, out_gradient, weight_gradient);
    case 16:
      return SumRows<16>(packed, out_gradient, weight_gradient);
    case 32:
      return SumRows<32>(packed, out_gradient, weight_gradient);
    default:
      return SumRows<0>(packed, out_gradient, weight_gradient);
  }
}

}  // namespace stillhouse::learner
