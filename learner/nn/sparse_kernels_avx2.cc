// Compiled for x86-64-v3, the build's floor.
#include <immintrin.h>

#include "learner/nn/sparse_products.h"

namespace stillhouse::learner {
namespace {

struct Vec {
  static constexpr std::int64_t kWidth = 8;
  __m256 v;
  static Vec Load(const float* at) { return {_mm256_loadu_ps(at)}; }
  static Vec Set1(float x) { return {_mm256_set1_ps(x)}; }
  static Vec Zero() { return {_mm256_setzero_ps()}; }
  void Store(float* at) const { _mm256_storeu_ps(at, v); }
};
inline Vec Fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }

/// Bit i: at[i] != 0, for 16 floats.
inline std::uint32_t NonZeros16(const float* at) {
  const auto of = [](const float* from) {
    return static_cast<std::uint32_t>(
        _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(from), _mm256_setzero_ps(), _CMP_NEQ_UQ)));
  };
  return of(at) | of(at + 8) << 8;
}

/// masks[i]: bit b says columns[b * 16 + i] != 0; rows <= 32.
inline void ColumnMasks(const float* columns, std::int64_t rows, std::uint32_t* masks) {
  for (int half = 0; half < 16; half += 8) {
    __m256i bits = _mm256_setzero_si256();
    for (std::int64_t row = 0; row < rows; ++row) {
      const __m256 nonzero = _mm256_cmp_ps(_mm256_loadu_ps(columns + row * 16 + half),
                                           _mm256_setzero_ps(), _CMP_NEQ_UQ);
      const __m256i bit = _mm256_set1_epi32(static_cast<int>(1U << row));
      bits = _mm256_or_si256(bits, _mm256_and_si256(_mm256_castps_si256(nonzero), bit));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(masks + half), bits);
  }
}

constexpr int kDotSums = 8;     ///< inputs whose dot products run side by side
constexpr int kDotVectors = 4;  ///< vectors of dy held in registers meanwhile

/// dots[i] = the sum of all lanes of sums[i].
inline void SumEach(Vec (&sums)[kDotSums], float (&dots)[kDotSums]) {
  const __m256 s01 = _mm256_hadd_ps(sums[0].v, sums[1].v);
  const __m256 s23 = _mm256_hadd_ps(sums[2].v, sums[3].v);
  const __m256 s45 = _mm256_hadd_ps(sums[4].v, sums[5].v);
  const __m256 s67 = _mm256_hadd_ps(sums[6].v, sums[7].v);
  const __m256 low = _mm256_hadd_ps(s01, s23);   // 0 1 2 3 of both 128-bit halves
  const __m256 high = _mm256_hadd_ps(s45, s67);  // 4 5 6 7
  _mm256_storeu_ps(dots, _mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20),
                                       _mm256_permute2f128_ps(low, high, 0x31)));
}

}  // namespace
}  // namespace stillhouse::learner

#include "learner/nn/sparse_products.inc"

namespace stillhouse::learner {
const SparseKernels& SparseKernelsAvx2() { return kKernels; }
}  // namespace stillhouse::learner
