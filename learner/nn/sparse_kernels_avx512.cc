// Compiled for x86-64-v4, whatever the rest of the program is compiled for; called only where the
// CPU has it.
#include <immintrin.h>

#include "learner/nn/sparse_products.h"

namespace stillhouse::learner {
namespace {

struct Vec {
  static constexpr std::int64_t kWidth = 16;
  __m512 v;
  static Vec Load(const float* at) { return {_mm512_loadu_ps(at)}; }
  static Vec Set1(float x) { return {_mm512_set1_ps(x)}; }
  static Vec Zero() { return {_mm512_setzero_ps()}; }
  void Store(float* at) const { _mm512_storeu_ps(at, v); }
};
inline Vec Fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }

/// Bit i: at[i] != 0, for 16 floats.
inline __mmask16 MaskOfNonZeros(const float* at) {
  return _mm512_cmp_ps_mask(_mm512_loadu_ps(at), _mm512_setzero_ps(), _CMP_NEQ_UQ);
}
/// By hand, because g++ 12 takes the upper half of a mask's register for zero even where it has
/// spilled only the lower half to the stack.
inline std::uint32_t NonZeros16(const float* at) {
  std::uint32_t bits;
  asm("kmovw %1, %0" : "=r"(bits) : "k"(MaskOfNonZeros(at)));
  return bits;
}

/// masks[i]: bit b says columns[b * 16 + i] != 0; rows <= 32.
inline void ColumnMasks(const float* columns, std::int64_t rows, std::uint32_t* masks) {
  __m512i bits = _mm512_setzero_si512();
  for (std::int64_t row = 0; row < rows; ++row) {
    bits = _mm512_mask_or_epi32(bits, MaskOfNonZeros(columns + row * 16), bits,
                                _mm512_set1_epi32(static_cast<int>(1U << row)));
  }
  _mm512_storeu_si512(masks, bits);
}

constexpr int kDotSums = 8;     ///< inputs whose dot products run side by side
constexpr int kDotVectors = 8;  ///< vectors of dy held in registers meanwhile

/// Sums the halves of blocks of 2 * kHalf lanes: a's blocks go to even blocks of kHalf lanes of the
/// result, b's to odd ones.
template <int kHalf>
inline __m512 Halve(__m512 a, __m512 b) {
  alignas(64) static constexpr auto kIndex = [] {
    struct {
      int low[16], high[16];
    } index{};
    for (int lane = 0; lane < 16; ++lane) {
      const int block = lane / (2 * kHalf) * 2 * kHalf;
      const int from_b = lane / kHalf % 2 * 16;
      index.low[lane] = block + lane % kHalf + from_b;
      index.high[lane] = index.low[lane] + kHalf;
    }
    return index;
  }();
  return _mm512_add_ps(_mm512_permutex2var_ps(a, _mm512_load_si512(kIndex.low), b),
                       _mm512_permutex2var_ps(a, _mm512_load_si512(kIndex.high), b));
}

/// dots[i] = the sum of all lanes of sums[i].
inline void SumEach(Vec (&sums)[kDotSums], float (&dots)[kDotSums]) {
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) sums[i].v = Halve<8>(sums[i].v, sums[i + 4].v);
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) sums[i].v = Halve<4>(sums[i].v, sums[i + 2].v);
  const __m512 pairs = Halve<2>(sums[0].v, sums[1].v);  // two lanes a sum
  const __m512 both = _mm512_add_ps(pairs, _mm512_permute_ps(pairs, 0xB1));
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14);
  _mm256_storeu_ps(dots, _mm512_castps512_ps256(_mm512_permutexvar_ps(even, both)));
}

}  // namespace
}  // namespace stillhouse::learner

#include "learner/nn/sparse_products.inc"

namespace stillhouse::learner {
const SparseKernels& SparseKernelsAvx512() { return kKernels; }
}  // namespace stillhouse::learner
