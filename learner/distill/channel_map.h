#pragma once

#include <span>

namespace stillhouse::learner {

// A linear map between channels, the same at every position (a 1x1 convolution): out [out, P] =
// weights [out, in] * x [in, P]. For one row; the sums are added to what `out` holds.

template <typename T>
void AddChannelMap(std::span<const T> weights, std::span<const T> x, std::size_t in,
                   std::size_t positions, std::span<T> out) {
  for (std::size_t o = 0; o < out.size() / positions; ++o) {
    for (std::size_t i = 0; i < in; ++i) {
      const T w = weights[o * in + i];
      for (std::size_t p = 0; p < positions; ++p)
        out[o * positions + p] += w * x[i * positions + p];
    }
  }
}

/// Its gradients, added: by x [in, P] and by the weights, of sum(d_out * out).
template <typename T>
void AddChannelMapGradients(std::span<const T> weights, std::span<const T> x, std::size_t in,
                            std::size_t positions, std::span<const T> d_out, std::span<T> d_x,
                            std::span<T> d_weights) {
  for (std::size_t o = 0; o < d_out.size() / positions; ++o) {
    for (std::size_t i = 0; i < in; ++i) {
      T sum = 0;
      for (std::size_t p = 0; p < positions; ++p) {
        sum += d_out[o * positions + p] * x[i * positions + p];
        if (!d_x.empty()) {
          d_x[i * positions + p] += weights[o * in + i] * d_out[o * positions + p];
        }
      }
      d_weights[o * in + i] += sum;
    }
  }
}

}  // namespace stillhouse::learner
