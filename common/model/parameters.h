#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/byte_io.h"
#include "common/base/rng.h"
#include "common/model/network_spec.h"

namespace stillhouse {

/// All parameters of one network at one version, as they travel and are stored: one flat float32
/// block in the order of NetworkSpec::Tensors(). A value; parameters.cc opens with the format.
class ParameterBlock {
 public:
  /// Throws ShapeError unless there are spec.ParameterCount() values.
  ParameterBlock(const NetworkSpec& spec, std::uint64_t version, std::vector<float> values);

  /// NetworkSpec::Fingerprint() of the network that the values belong to.
  std::uint64_t Fingerprint() const { return fingerprint_; }
  /// Counts publications of the model; higher is newer.
  std::uint64_t Version() const { return version_; }
  std::span<const float> Values() const { return values_; }
  std::vector<float> TakeValues() && { return std::move(values_); }
  bool operator==(const ParameterBlock&) const = default;

  /// Bytes that Encode appends.
  std::size_t EncodedBytes() const;
  void Encode(ByteWriter& out) const;
  /// Checks magic, format version, count and CRC32C; for parts that pass blocks on without knowing
  /// the network. Throws WireError.
  static ParameterBlock Decode(ByteReader& in);
  /// Also refuses a block of another network. Throws WireError.
  static ParameterBlock Decode(ByteReader& in, const NetworkSpec& expected);

 private:
  ParameterBlock() = default;

  std::uint64_t fingerprint_ = 0;
  std::uint64_t version_ = 0;
  std::vector<float> values_;
};

/// False when any value is infinite or not a number. A single pass at memory speed.
bool AllFinite(std::span<const float> values);

/// PyTorch's default for linear and convolution: weights and biases uniform in
/// ±1/sqrt(fan_in) (Kaiming uniform with a = sqrt(5), He et al. 2015). Returns the flat block.
std::vector<float> InitialParameters(const NetworkSpec& spec, Rng& rng);

}  // namespace stillhouse
