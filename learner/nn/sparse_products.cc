#include "learner/nn/sparse_products.h"

namespace stillhouse::learner {

const SparseKernels* BestSparseKernels() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512cd")) {
    return &SparseKernelsAvx512();
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &SparseKernelsAvx2();
  return nullptr;
}

}  // namespace stillhouse::learner
