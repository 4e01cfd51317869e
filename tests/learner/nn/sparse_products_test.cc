#include "learner/nn/sparse_products.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

std::vector<const SparseKernels*> KernelsHere() {
  std::vector<const SparseKernels*> all;
  const SparseKernels* best = BestSparseKernels();
  if (best == nullptr) return all;
  all.push_back(&SparseKernelsAvx2());
  if (best != all[0]) all.push_back(best);
  return all;
}

struct SparseCase {
  SparseCase(std::int64_t rows, std::int64_t in, std::int64_t out, double density, Rng& rng)
      : shape{rows, in, out},
        x(RandomFloats(static_cast<std::size_t>(rows * in), rng)),
        w(RandomFloats(static_cast<std::size_t>(in * out), rng)),
        dy(RandomFloats(static_cast<std::size_t>(rows * out), rng)) {
    for (float& value : x) {
      if (rng.Uniform() >= density) value = 0;
    }
  }
  /// sum over k of a[i, k] b[j, k] with the given strides, in double
  static double Dot(const float* a, std::int64_t a_step, const float* b, std::int64_t b_step,
                    std::int64_t n) {
    double sum = 0;
    for (std::int64_t k = 0; k < n; ++k) {
      sum += static_cast<double>(a[k * a_step]) * static_cast<double>(b[k * b_step]);
    }
    return sum;
  }

  SparseShape shape;
  std::vector<float> x, w, dy;
};

void ExpectProducts(const SparseKernels& kernels, const SparseCase& c) {
  const auto [rows, in, out] = c.shape;
  std::vector<std::uint64_t> masks(static_cast<std::size_t>(rows * MaskWords(in)));
  std::vector<float> y(c.dy.size(), NAN), dw(c.w.size(), NAN), dx(c.x.size(), NAN);
  std::vector<float> columns(static_cast<std::size_t>(rows * kLineInputs));
  std::vector<std::uint32_t> column_masks(columns.size());
  EXPECT_EQ(kernels.find(c.shape, c.x.data(), masks.data()),
            std::ssize(c.x) - std::count(c.x.begin(), c.x.end(), 0.0F));
  kernels.forward(c.shape, c.x.data(), masks.data(), c.w.data(), y.data());
  kernels.weight_gradient(c.shape, c.x.data(), c.dy.data(), dw.data(), columns.data(),
                          column_masks.data());
  kernels.input_gradient(c.shape, masks.data(), c.dy.data(), c.w.data(), dx.data());
  // 1e-5: float sums of at most 200 terms below 1.
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t o = 0; o < out; ++o) {
      ASSERT_NEAR(y[static_cast<std::size_t>(row * out + o)],
                  SparseCase::Dot(&c.x[static_cast<std::size_t>(row * in)], 1,
                                  &c.w[static_cast<std::size_t>(o)], out, in),
                  1e-5);
    }
    for (std::int64_t i = 0; i < in; ++i) {
      const auto at = static_cast<std::size_t>(row * in + i);
      const double dot = SparseCase::Dot(&c.dy[static_cast<std::size_t>(row * out)], 1,
                                         &c.w[static_cast<std::size_t>(i * out)], 1, out);
      ASSERT_NEAR(dx[at], c.x[at] == 0 ? 0 : dot, 1e-5);
    }
  }
  for (std::int64_t i = 0; i < in; ++i) {
    for (std::int64_t o = 0; o < out; ++o) {
      ASSERT_NEAR(dw[static_cast<std::size_t>(i * out + o)],
                  SparseCase::Dot(&c.x[static_cast<std::size_t>(i)], in,
                                  &c.dy[static_cast<std::size_t>(o)], out, rows),
                  1e-5);
    }
  }
}

TEST(SparseProductsTest, EqualDenseProductsAtEveryShapeAndDensity) {
  Rng rng(51);
  for (const SparseKernels* kernels : KernelsHere()) {
    for (const std::int64_t rows : {1, 5, 33, 70}) {
      for (const std::int64_t in : {7, 64, 90, 200}) {
        for (const std::int64_t vectors : {1, 3, 8, 13}) {
          const double density = rng.Uniform();
          SCOPED_TRACE(kernels->width);
          ExpectProducts(*kernels, SparseCase(rows, in, vectors * kernels->width, density, rng));
        }
      }
    }
    ExpectProducts(*kernels, SparseCase(40, 130, 16, 0.0, rng));
    ExpectProducts(*kernels, SparseCase(40, 130, 16, 1.0, rng));
  }
}

TEST(SparseProductsTest, NanIsNotTakenForZero) {
  for (const SparseKernels* kernels : KernelsHere()) {
    std::vector<float> x(20, 0.0F);
    x[3] = x[17] = NAN;
    std::uint64_t mask = 0;
    EXPECT_EQ(kernels->find({1, 20, 16}, x.data(), &mask), 2);
    EXPECT_EQ(mask, (1U << 3) | (1U << 17));
  }
}

}  // namespace
}  // namespace stillhouse::learner
