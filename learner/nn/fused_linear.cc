#include <algorithm>

#include "learner/nn/fused_layer.h"
#include "learner/nn/gemm.h"

namespace stillhouse::learner {
namespace {

class FusedLinear final : public FusedLayer {
 public:
  FusedLinear(std::int64_t in, std::int64_t out, bool relu, std::int64_t offset)
      : in_(in), out_(out), relu_(relu), offset_(offset) {}

  std::int64_t OutSize() const override { return out_; }

  void Forward(const float* parameters, const float* in, std::int64_t rows, float* out) override {
    const float* weight = parameters + offset_;
    GemmNN(rows, out_, in_, in, weight, out);
    AddBias(weight + in_ * out_, rows, out_, relu_, out);
  }

  void Backward(const BackwardPass& pass) override {
    float* gradient = pass.gradient + offset_;
    MaskAndSum(pass.out, pass.rows, out_, relu_, pass.out_gradient, gradient + in_ * out_);
    GemmTN(in_, out_, pass.rows, pass.in, pass.out_gradient, gradient);
    if (pass.in_gradient != nullptr) {
      GemmNT(pass.rows, in_, out_, pass.out_gradient, pass.parameters + offset_, pass.in_gradient);
    }
  }

 private:
  const std::int64_t in_;
  const std::int64_t out_;
  const bool relu_;
  const std::int64_t offset_;
};

}  // namespace

std::unique_ptr<FusedLayer> MakeFusedLinear(const std::vector<const TensorEntry*>& weights,
                                            const std::vector<const TensorEntry*>& biases,
                                            const ImageOrder& input, bool relu,
                                            ParameterSources& sources) {
  const auto offset = static_cast<std::int64_t>(sources.size());
  const std::int64_t in = weights[0]->shape[1];
  std::int64_t out = 0;
  for (std::int64_t i = 0; i < in; ++i) {
    for (const TensorEntry* weight : weights) {
      for (std::int64_t o = 0; o < weight->shape[0]; ++o) {
        sources.push_back(static_cast<std::uint32_t>(weight->offset + o * in + input.Canonical(i)));
      }
    }
  }
  for (const TensorEntry* bias : biases) {
    for (std::int64_t o = 0; o < bias->shape[0]; ++o) {
      sources.push_back(static_cast<std::uint32_t>(bias->offset + o));
    }
    out += bias->shape[0];
  }
  return std::make_unique<FusedLinear>(in, out, relu, offset);
}

void AddBias(const float* bias, std::int64_t rows, std::int64_t size, bool relu, float* out) {
  for (std::int64_t row = 0; row < rows; ++row, out += size) {
    if (relu) {
      for (std::int64_t i = 0; i < size; ++i) {
        const float value = out[i] + bias[i];
        out[i] = value < 0 ? 0 : value;  // NaN stays NaN, so that the guards see it
      }
    } else {
      for (std::int64_t i = 0; i < size; ++i) out[i] += bias[i];
    }
  }
}

void MaskAndSum(const float* out, std::int64_t rows, std::int64_t size, bool relu,
                float* out_gradient, float* bias_gradient) {
  std::fill_n(bias_gradient, size, 0.0F);
  for (std::int64_t row = 0; row < rows; ++row, out += size, out_gradient += size) {
    if (relu) {
      for (std::int64_t i = 0; i < size; ++i) {
        const float value = out[i] <= 0 ? 0 : out_gradient[i];
        out_gradient[i] = value;
        bias_gradient[i] += value;
      }
    } else {
      for (std::int64_t i = 0; i < size; ++i) bias_gradient[i] += out_gradient[i];
    }
  }
}

}  // namespace stillhouse::learner
