#include "learner/nn/gemm.h"

#include <cblas.h>

namespace stillhouse::learner {
namespace {

void Gemm(CBLAS_TRANSPOSE a_order, CBLAS_TRANSPOSE b_order, std::int64_t m, std::int64_t n,
          std::int64_t k, const float* a, const float* b, float* c, bool accumulate) {
  if (m == 0 || n == 0) return;
  const auto a_columns = static_cast<int>(a_order == CblasNoTrans ? k : m);
  const auto b_columns = static_cast<int>(b_order == CblasNoTrans ? n : k);
  cblas_sgemm(CblasRowMajor, a_order, b_order, static_cast<int>(m), static_cast<int>(n),
              static_cast<int>(k), 1.0F, a, a_columns, b, b_columns, accumulate ? 1.0F : 0.0F, c,
              static_cast<int>(n));
}

}  // namespace

void GemmNN(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b,
            float* c, bool accumulate) {
  Gemm(CblasNoTrans, CblasNoTrans, m, n, k, a, b, c, accumulate);
}

void GemmNT(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b,
            float* c, bool accumulate) {
  Gemm(CblasNoTrans, CblasTrans, m, n, k, a, b, c, accumulate);
}

void GemmTN(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b,
            float* c, bool accumulate) {
  Gemm(CblasTrans, CblasNoTrans, m, n, k, a, b, c, accumulate);
}

}  // namespace stillhouse::learner
