#include <cmath>

#include "learner/nn/dueling.h"
#include "learner/nn/fused_layer.h"

namespace stillhouse::learner {
namespace {

class FusedRelu final : public FusedLayer {
 public:
  explicit FusedRelu(std::int64_t size) : size_(size) {}
  std::int64_t OutSize() const override { return size_; }
  void Forward(const float*, const float* in, std::int64_t rows, float* out) override {
    for (std::int64_t i = 0; i < rows * size_; ++i) out[i] = in[i] < 0 ? 0 : in[i];
  }
  void Backward(const BackwardPass& pass) override {
    if (pass.in_gradient == nullptr) return;
    for (std::int64_t i = 0; i < pass.rows * size_; ++i) {
      pass.in_gradient[i] = pass.out[i] <= 0 ? 0 : pass.out_gradient[i];
    }
  }

 private:
  const std::int64_t size_;
};

class FusedTanh final : public FusedLayer {
 public:
  explicit FusedTanh(std::int64_t size) : size_(size) {}
  std::int64_t OutSize() const override { return size_; }
  void Forward(const float*, const float* in, std::int64_t rows, float* out) override {
    for (std::int64_t i = 0; i < rows * size_; ++i) out[i] = std::tanh(in[i]);
  }
  void Backward(const BackwardPass& pass) override {
    if (pass.in_gradient == nullptr) return;
    for (std::int64_t i = 0; i < pass.rows * size_; ++i) {
      pass.in_gradient[i] = pass.out_gradient[i] * (1 - pass.out[i] * pass.out[i]);
    }
  }

 private:
  const std::int64_t size_;
};

class FusedDueling final : public FusedLayer {
 public:
  explicit FusedDueling(std::int64_t actions) : actions_(actions) {}
  std::int64_t OutSize() const override { return actions_; }

  void Forward(const float*, const float* in, std::int64_t rows, float* out) override {
    for (std::int64_t row = 0; row < rows; ++row, in += actions_ + 1, out += actions_) {
      DuelingRow(in, in + 1, actions_, 1, out);
    }
  }

  void Backward(const BackwardPass& pass) override {
    const float* out = pass.out_gradient;
    float* in = pass.in_gradient;
    for (std::int64_t row = 0; row < pass.rows; ++row, in += actions_ + 1, out += actions_) {
      DuelingRowGradient(out, actions_, 1, in, in + 1);
    }
  }

 private:
  const std::int64_t actions_;
};

}  // namespace

std::unique_ptr<FusedLayer> MakeFusedRelu(std::int64_t size) {
  return std::make_unique<FusedRelu>(size);
}
std::unique_ptr<FusedLayer> MakeFusedTanh(std::int64_t size) {
  return std::make_unique<FusedTanh>(size);
}
std::unique_ptr<FusedLayer> MakeFusedDueling(std::int64_t actions) {
  return std::make_unique<FusedDueling>(actions);
}

}  // namespace stillhouse::learner
