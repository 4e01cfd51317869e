// Compiled for x86-64-v3, the floor of the whole program. A vector of 16 is a pair of 8.
#include <immintrin.h>

#include "common/model/native_kernels.h"
#include "common/model/native_vectors.inc"

namespace stillhouse {
namespace {

struct V16 {
  static constexpr int kWidth = 16;
  __m256 lo, hi;
  static V16 Load(const float* at) { return {_mm256_loadu_ps(at), _mm256_loadu_ps(at + 8)}; }
  static V16 Set1(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static V16 Zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  void Store(float* at) const {
    _mm256_storeu_ps(at, lo);
    _mm256_storeu_ps(at + 8, hi);
  }
};
inline V16 operator+(V16 a, V16 b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
inline V16 Fma(V16 a, V16 b, V16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline V16 Relu(V16 a) {
  const __m256 zero = _mm256_setzero_ps();
  return {_mm256_max_ps(zero, a.lo), _mm256_max_ps(zero, a.hi)};
}

/// Vectors of 16 that a kernel keeps as sums: 8 of 16 registers.
constexpr int kMaxSums = 4;

void UnpackBits(const std::uint8_t* bits, std::int64_t n, float* out) {
  const __m256i select = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  const __m256 one = _mm256_set1_ps(1.0F);
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256i byte = _mm256_and_si256(_mm256_set1_epi32(bits[i / 8]), select);
    const __m256i set = _mm256_cmpeq_epi32(byte, select);
    _mm256_storeu_ps(out + i, _mm256_and_ps(_mm256_castsi256_ps(set), one));
  }
  for (; i < n; ++i) out[i] = static_cast<float>((bits[i >> 3] >> (i & 7)) & 1);
}

void FindNonZeros(const float* in, std::int64_t n, std::uint32_t* index, float* value,
                  std::uint32_t* block_end) {
  std::uint32_t count = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    index[count] = static_cast<std::uint32_t>(i);
    value[count] = in[i];
    count += in[i] != 0.0F ? 1 : 0;
    block_end[i / kRowsPerBlock] = count;
  }
}

}  // namespace
}  // namespace stillhouse

#include "common/model/native_conv.inc"
#include "common/model/native_linear.inc"

namespace stillhouse {
extern const KernelTable kAvx2Kernels{"avx2", UnpackBits, FindNonZeros,
                                      Linear, ConvDense,  ConvBits};
}  // namespace stillhouse
