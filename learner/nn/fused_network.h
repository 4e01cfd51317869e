#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/model/network_spec.h"
#include "learner/nn/bit_conv.h"
#include "learner/nn/fused_layer.h"
#include "learner/nn/packed_rows.h"

namespace stillhouse::learner {

/// Forward and backward pass of a NetworkSpec on the CPU: no autograd, no tensors, memory reused
/// from call to call. Equal to TorchNetwork up to rounding.
///
/// Parameters and gradients are in the *fused order*, a permutation of the canonical flat block
/// that lets every layer be one matrix product (images with channels last, weights [in, out]).
/// Optimisers and averages work element by element and need not know; ToCanonical tells the rest
/// of the world. Not thread-safe.
class FusedNetwork {
 public:
  explicit FusedNetwork(NetworkSpec spec);

  const NetworkSpec& Spec() const { return spec_; }
  std::vector<float> ToFused(std::span<const float> canonical) const;
  std::vector<float> ToCanonical(std::span<const float> fused) const;

  /// Q-values [rows, A] of all parts in turn; valid until the next Forward. Keeps the activations
  /// for Backward. Throws ShapeError when a part is not whole rows.
  std::span<const float> Forward(std::span<const float> parameters,
                                 std::span<const PackedRows> parts);
  /// Gradient of sum(q_gradient * q) over the first q_gradient.size() / A rows of the last
  /// Forward, with the parameters it used. All of `gradient` is overwritten.
  void Backward(std::span<const float> parameters, std::span<const float> q_gradient,
                std::span<float> gradient);

 private:
  void Build();
  void AddTrained(std::size_t index, std::size_t tensor, const LinearOptions& options,
                  const ImageOrder& order);
  void ReadInput(std::span<const PackedRows> parts, const float* parameters);
  void Unpack(const std::uint8_t* packed, float* out);

  NetworkSpec spec_;
  ParameterSources sources_;
  std::optional<BitConv> bit_conv_;  ///< instead of unpacking and a first FusedConv
  std::vector<std::unique_ptr<FusedLayer>> layers_;
  std::size_t first_trained_ = 0;  ///< layers below it have no parameters
  std::int64_t input_size_ = 0;    ///< floats a row in activations_[0]
  ImageOrder input_order_;
  std::int64_t rows_ = 0;

  std::vector<std::uint8_t> packed_;             ///< the last Forward's rows (with bit_conv_)
  std::vector<float> canonical_row_;             ///< scratch of Unpack
  std::vector<std::vector<float>> activations_;  ///< [i] goes into layer i; the last one is q
  std::vector<std::vector<float>> gradients_;    ///< of activations_
};

}  // namespace stillhouse::learner
