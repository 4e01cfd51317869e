// Compiled for x86-64-v4, whatever the rest of the program is compiled for; called only where the
// CPU has it. Two 512-bit multiply-adds a cycle need eight sums in flight.
#include <immintrin.h>

#include "common/model/native_kernels.h"
#include "common/model/native_vectors.inc"

namespace stillhouse {
namespace {

struct V16 {
  static constexpr int kWidth = 16;
  __m512 v;
  static V16 Load(const float* at) { return {_mm512_loadu_ps(at)}; }
  static V16 Set1(float x) { return {_mm512_set1_ps(x)}; }
  static V16 Zero() { return {_mm512_setzero_ps()}; }
  void Store(float* at) const { _mm512_storeu_ps(at, v); }
};
inline V16 operator+(V16 a, V16 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline V16 Fma(V16 a, V16 b, V16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline V16 Relu(V16 a) { return {_mm512_max_ps(_mm512_setzero_ps(), a.v)}; }

/// Vectors of 16 that a kernel keeps as sums: 8 of 32 registers hide the latency of 4 at 2 a cycle.
constexpr int kMaxSums = 8;

void UnpackBits(const std::uint8_t* bits, std::int64_t n, float* out) {
  const __m512 one = _mm512_set1_ps(1.0F);
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    std::uint16_t mask;
    __builtin_memcpy(&mask, bits + i / 8, sizeof mask);
    _mm512_storeu_ps(out + i, _mm512_maskz_mov_ps(mask, one));
  }
  for (; i < n; ++i) out[i] = static_cast<float>((bits[i >> 3] >> (i & 7)) & 1);
}

/// The mask as a number. By hand, because g++ 12 takes the upper half of a mask's register for zero
/// even where it has spilled only the lower half to the stack, and then counts what lies there.
inline std::uint32_t BitsOf(__mmask16 mask) {
  std::uint32_t bits;
  asm("kmovw %1, %0" : "=r"(bits) : "k"(mask));
  return bits;
}

void FindNonZeros(const float* in, std::int64_t n, std::uint32_t* index, float* value,
                  std::uint32_t* block_end) {
  static_assert(kRowsPerBlock % 16 == 0);
  __m512i place = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  std::uint32_t count = 0;
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 inside =
        n - i >= 16 ? static_cast<__mmask16>(0xffff) : static_cast<__mmask16>((1U << (n - i)) - 1);
    const __m512 x = _mm512_maskz_loadu_ps(inside, in + i);
    // Unordered: NaN is not zero.
    const __mmask16 keep = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    _mm512_storeu_si512(index + count, _mm512_maskz_compress_epi32(keep, place));
    _mm512_storeu_ps(value + count, _mm512_maskz_compress_ps(keep, x));
    count += static_cast<std::uint32_t>(__builtin_popcount(BitsOf(keep)));
    place = _mm512_add_epi32(place, _mm512_set1_epi32(16));
    block_end[i / kRowsPerBlock] = count;
  }
}

}  // namespace
}  // namespace stillhouse

#include "common/model/native_conv.inc"
#include "common/model/native_linear.inc"

namespace stillhouse {
extern const KernelTable kAvx512Kernels{"avx512", UnpackBits, FindNonZeros,
                                        Linear,   ConvDense,  ConvBits};
}  // namespace stillhouse
