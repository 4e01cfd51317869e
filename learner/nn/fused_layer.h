#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/model/network_spec.h"

namespace stillhouse::learner {

/// What a layer's backward pass works on. All matrices are row-major, one row an observation.
struct BackwardPass {
  const float* parameters = nullptr;  ///< the whole block, in the fused order
  const float* in = nullptr;          ///< [rows, in size], as Forward got it
  const float* out = nullptr;         ///< [rows, out size], as Forward left it
  float* out_gradient = nullptr;      ///< [rows, out size]; used up (masked in place)
  float* in_gradient = nullptr;       ///< [rows, in size], overwritten; null: not wanted
  float* gradient = nullptr;          ///< the whole block; the layer overwrites its own part
  std::int64_t rows = 0;
};

/// One step of the fused network. Images are kept as [rows, columns, channels], so that a
/// convolution is one matrix product. Holds shapes and scratch memory, no parameters.
class FusedLayer {
 public:
  virtual ~FusedLayer() = default;
  virtual std::int64_t OutSize() const = 0;
  virtual void Forward(const float* parameters, const float* in, std::int64_t rows, float* out) = 0;
  virtual void Backward(const BackwardPass& pass) = 0;
};

/// How the values of a canonical [channels, positions] block lie in the fused order.
struct ImageOrder {
  std::int64_t channels = 1;
  std::int64_t positions = 1;
  /// Canonical index of fused index `i`.
  std::int64_t Canonical(std::int64_t i) const { return i % channels * positions + i / channels; }
};

/// source[i] is the canonical index of fused parameter i; layers append theirs in turn.
using ParameterSources = std::vector<std::uint32_t>;

struct LinearOptions {
  bool relu = false;        ///< followed by a ReLU, which is part of the layer
  bool after_relu = false;  ///< inputs of 0 need no gradient: a ReLU made them
};

/// Dense layer x W + b with W [in, out]. Skips inputs of 0 while there are many of them.
/// `weights`/`biases`: the canonical tensors whose outputs lie side by side: one of each, or value
/// and advantage of a dueling head.
std::unique_ptr<FusedLayer> MakeFusedLinear(const std::vector<const TensorEntry*>& weights,
                                            const std::vector<const TensorEntry*>& biases,
                                            const ImageOrder& input, const LinearOptions& options,
                                            ParameterSources& sources);

/// Shape of a convolution without the batch.
struct ConvShape {
  std::int64_t channels = 0, rows = 0, columns = 0;  ///< of the input
  std::int64_t filters = 0, kernel = 0, stride = 1, padding = 0;
  std::int64_t OutRows() const { return (rows + 2 * padding - kernel) / stride + 1; }
  std::int64_t OutColumns() const { return (columns + 2 * padding - kernel) / stride + 1; }
  std::int64_t Positions() const { return OutRows() * OutColumns(); }
  std::int64_t Taps() const { return kernel * kernel * channels; }
};

/// Appends a convolution's parameters: W [ky, kx, channel, filter], then the biases.
/// Returns where W starts in the fused block.
std::int64_t AppendConvParameters(const ConvShape& shape, const TensorEntry& weight,
                                  const TensorEntry& bias, ParameterSources& sources);

/// Convolution of float images as im2col and a matrix product, in tiles that stay in the cache.
std::unique_ptr<FusedLayer> MakeFusedConv(const ConvShape& shape, bool relu,
                                          std::int64_t parameter_offset);

std::unique_ptr<FusedLayer> MakeFusedRelu(std::int64_t size);
std::unique_ptr<FusedLayer> MakeFusedTanh(std::int64_t size);
/// [V, A_1..A_n] -> Q = V + A - mean(A) (Wang et al. 2016, eq. 9).
std::unique_ptr<FusedLayer> MakeFusedDueling(std::int64_t actions);

/// out += bias in every row, then ReLU if wanted. out [rows, size].
void AddBias(const float* bias, std::int64_t rows, std::int64_t size, bool relu, float* out);
/// Masks `out_gradient` where a ReLU gave 0 (relu only) and sums its rows into `bias_gradient`.
void MaskAndSum(const float* out, std::int64_t rows, std::int64_t size, bool relu,
                float* out_gradient, float* bias_gradient);

}  // namespace stillhouse::learner
