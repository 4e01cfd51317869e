#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/byte_io.h"
#include "common/model/network_spec.h"

namespace stillhouse {

/// [spec.Tensors()]: whether Quantize stores it as int8. Biases and norms stay float32, and so do
/// the smallest tensors of weights as long as they have no more than kFloatShare of all weights
/// together: in the networks here the first convolution and the head, whose errors reach the
/// Q-values whole.
std::vector<bool> TensorsToQuantize(const NetworkSpec& spec);
inline constexpr double kFloatShare = 0.1;

/// Parameters of one network after training, a quarter of their bytes: symmetric int8 weights with
/// one float32 scale for each output channel (of an embedding: for each token), w ~ scale * n,
/// n in [-127, 127] (Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient
/// inference", per-channel). Activations stay float32: a network with these parameters computes
/// exactly what one with Dequantize()'s does. A value; the .cc opens with the format.
class QuantizedParameters {
 public:
  /// |w - scale * n| <= scale / 2, up to rounding. values: the flat block in the order of
  /// spec.Tensors(), all finite. Throws ShapeError when their number is another.
  static QuantizedParameters Quantize(const NetworkSpec& spec, std::span<const float> values);

  /// Tensor `index` of spec.Tensors() is stored as int8.
  bool IsInt8(std::size_t index) const { return !parts_[index].scales.empty(); }
  /// Of such a tensor, row-major; else empty.
  std::span<const std::int8_t> Weights(std::size_t index) const { return parts_[index].weights; }
  /// [shape[0]] of the same, above 0.
  std::span<const float> Scales(std::size_t index) const { return parts_[index].scales; }
  /// Of a tensor that is not int8; else empty.
  std::span<const float> Floats(std::size_t index) const { return parts_[index].floats; }

  /// The flat block that these stand for.
  std::vector<float> Dequantize() const;
  /// Of weights, scales and floats.
  std::int64_t Bytes() const;
  bool operator==(const QuantizedParameters&) const = default;

  void Encode(const NetworkSpec& spec, ByteWriter& out) const;
  /// True when the next bytes of `in` begin a block of this kind.
  static bool IsNext(ByteReader in);
  /// Throws WireError, also for a block of another network.
  static QuantizedParameters Decode(ByteReader& in, const NetworkSpec& expected);

 private:
  QuantizedParameters() = default;

  struct Part {
    std::vector<std::int8_t> weights;
    std::vector<float> scales;
    std::vector<float> floats;
    bool operator==(const Part&) const = default;
  };
  static Part DecodePart(ByteReader& in, const TensorEntry& entry);

  std::vector<Part> parts_;
};

}  // namespace stillhouse
