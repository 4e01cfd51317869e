#pragma once

#include <cstdint>

namespace stillhouse::learner {

/// Products of dense row-major float matrices through the platform's BLAS. `accumulate` adds to C,
/// otherwise C is overwritten. Any size may be 0.

/// C [m, n] = A [m, k] B [k, n]
void GemmNN(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b,
            float* c, bool accumulate = false);
/// C [m, n] = A [m, k] B^T, with B [n, k]
void GemmNT(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b,
            float* c, bool accumulate = false);
/// C [m, n] = A^T B, with A [k, m] and B [k, n]
void GemmTN(std::int64_t m, std::int64_t n, std::int64_t k, const float* a, const float* b,
            float* c, bool accumulate = false);

}  // namespace stillhouse::learner
