#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "common/model/network_spec.h"
#include "common/model/parameters.h"
#include "common/model/quantized_parameters.h"

namespace stillhouse {

/// A `.native` file: a network's description, then its parameters, as float32 or as int8
/// (docs/formats.md).
struct NativeFile {
  NetworkSpec network;
  std::vector<float> parameters;  ///< canonical order; of int8 what they stand for
  bool int8 = false;              ///< how the file holds the weights
};

std::vector<std::uint8_t> EncodeNativeFile(const NetworkSpec& network,
                                           const ParameterBlock& parameters);
std::vector<std::uint8_t> EncodeNativeFile(const NetworkSpec& network,
                                           const QuantizedParameters& parameters);

/// `what` names the bytes in errors. Throws WireError.
NativeFile DecodeNativeFile(std::span<const std::uint8_t> bytes, std::string_view what);

}  // namespace stillhouse
