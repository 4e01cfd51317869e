#include <algorithm>

#include "learner/nn/fused_layer.h"
#include "learner/nn/gemm.h"
#include "learner/nn/sparse_products.h"

namespace stillhouse::learner {
namespace {

/// Shares of non-zero inputs below which the sparse products win (measured, docs/performance.md).
constexpr double kSparseForward = 0.6;
constexpr double kSparseBackward = 0.45;

class FusedLinear final : public FusedLayer {
 public:
  FusedLinear(std::int64_t in, std::int64_t out, const LinearOptions& options, std::int64_t offset)
      : in_(in), out_(out), options_(options), offset_(offset), sparse_(BestSparseKernels()) {
    if (sparse_ != nullptr && out_ % sparse_->width != 0) sparse_ = nullptr;
  }

  std::int64_t OutSize() const override { return out_; }

  void Forward(const float* parameters, const float* in, std::int64_t rows, float* out) override {
    const float* weight = parameters + offset_;
    const SparseShape shape{rows, in_, out_};
    density_ = 1;
    if (sparse_ != nullptr) {
      masks_.resize(static_cast<std::size_t>(rows * MaskWords(in_)));
      density_ = static_cast<double>(sparse_->find(shape, in, masks_.data())) /
                 static_cast<double>(rows * in_);
    }
    if (density_ < kSparseForward) {
      sparse_->forward(shape, in, masks_.data(), weight, out);
    } else {
      GemmNN(rows, out_, in_, in, weight, out);
    }
    AddBias(weight + in_ * out_, rows, out_, options_.relu, out);
  }

  void Backward(const BackwardPass& pass) override {
    const float* weight = pass.parameters + offset_;
    float* gradient = pass.gradient + offset_;
    MaskAndSum(pass.out, pass.rows, out_, options_.relu, pass.out_gradient, gradient + in_ * out_);
    const bool sparse = density_ < kSparseBackward;
    const SparseShape shape{pass.rows, in_, out_};
    if (sparse) {
      const auto scratch = static_cast<std::size_t>(pass.rows * kLineInputs);
      columns_.resize(scratch);
      column_masks_.resize(scratch);
      sparse_->weight_gradient(shape, pass.in, pass.out_gradient, gradient, columns_.data(),
                               column_masks_.data());
    } else {
      GemmTN(in_, out_, pass.rows, pass.in, pass.out_gradient, gradient);
    }
    if (pass.in_gradient == nullptr) return;
    if (sparse && options_.after_relu) {
      sparse_->input_gradient(shape, masks_.data(), pass.out_gradient, weight, pass.in_gradient);
    } else {
      GemmNT(pass.rows, in_, out_, pass.out_gradient, weight, pass.in_gradient);
    }
  }

 private:
  const std::int64_t in_;
  const std::int64_t out_;
  const LinearOptions options_;
  const std::int64_t offset_;
  const SparseKernels* sparse_;  ///< null: dense products only
  double density_ = 1;           ///< share of non-zeros in the last Forward's inputs
  std::vector<std::uint64_t> masks_;
  std::vector<float> columns_;
  std::vector<std::uint32_t> column_masks_;
};

}  // namespace

std::unique_ptr<FusedLayer> MakeFusedLinear(const std::vector<const TensorEntry*>& weights,
                                            const std::vector<const TensorEntry*>& biases,
                                            const ImageOrder& input, const LinearOptions& options,
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
  return std::make_unique<FusedLinear>(in, out, options, offset);
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
