#pragma once

#include <cstdint>
#include <vector>

namespace stillhouse::learner {

/// Matrix products of a linear layer y = x W whose inputs x are mostly zero, as they are after a
/// ReLU (a trained MinAtar network's convolution gives 10 to 40 % non-zeros). Work is proportional
/// to the non-zeros; below some 60 % it beats a dense product.
struct SparseShape {
  std::int64_t rows = 0;
  std::int64_t in = 0;
  std::int64_t out = 0;
};

/// One instruction set's kernels. All matrices row-major and dense in memory.
struct SparseKernels {
  /// Vector length in floats; `out` must be a multiple.
  std::int64_t width;
  /// masks [rows, MaskWords(in)]: bit i of a row says x[row, i] != 0 (NaN counts). Returns the
  /// number of non-zeros.
  std::int64_t (*find)(const SparseShape& shape, const float* x, std::uint64_t* masks);
  /// y [rows, out] = x [rows, in] W [in, out]
  void (*forward)(const SparseShape& shape, const float* x, const std::uint64_t* masks,
                  const float* w, float* y);
  /// dw [in, out] = x^T dy. Scratch: columns [rows * kLineInputs], column_masks of the same size.
  void (*weight_gradient)(const SparseShape& shape, const float* x, const float* dy, float* dw,
                          float* columns, std::uint32_t* column_masks);
  /// dx = dy W^T where x is not zero, 0 elsewhere: the gradient behind a ReLU, already masked.
  void (*input_gradient)(const SparseShape& shape, const std::uint64_t* masks, const float* dy,
                         const float* w, float* dx);
};

/// The widest kernels that this machine runs; null where it has not even AVX2.
const SparseKernels* BestSparseKernels();
const SparseKernels& SparseKernelsAvx2();
const SparseKernels& SparseKernelsAvx512();

constexpr std::int64_t MaskWords(std::int64_t in) { return (in + 63) / 64; }
/// Inputs that weight_gradient works on at a time: one cache line.
inline constexpr std::int64_t kLineInputs = 16;

}  // namespace stillhouse::learner
