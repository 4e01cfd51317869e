#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "common/base/rng.h"
#include "common/model/network_spec.h"
#include "common/model/parameters.h"

namespace stillhouse::learner {

inline LayerSpec Conv(std::int64_t units, std::int64_t kernel, std::int64_t stride = 1,
                      std::int64_t padding = 0) {
  return {LayerKind::kConv2d, units, kernel, stride, padding, false};
}
inline LayerSpec Linear(std::int64_t units) { return {LayerKind::kLinear, units, 0, 1, 0, false}; }
inline LayerSpec Plain(LayerKind kind) { return {kind, 0, 0, 1, 0, false}; }
inline LayerSpec Head(bool dueling) { return {LayerKind::kQHead, 0, 0, 1, 0, dueling}; }

inline const LayerSpec kReluLayer = Plain(LayerKind::kRelu);
inline const LayerSpec kTanhLayer = Plain(LayerKind::kTanh);
inline const LayerSpec kFlattenLayer = Plain(LayerKind::kFlatten);

/// Networks that use every layer, order and element kind at least once.
inline std::vector<NetworkSpec> VariedNetworks() {
  const TensorSpec bits{ElementKind::kBits, {4, 10, 10}};
  const TensorSpec odd_bits{ElementKind::kBits, {3, 7, 9}};  // 189 bits: a ragged last byte
  const TensorSpec bytes{ElementKind::kBytes, {2, 9, 8}};
  const TensorSpec floats{ElementKind::kFloats, {6}};
  std::vector<NetworkSpec> specs;
  const auto add = [&](std::vector<LayerSpec> layers, const TensorSpec& observation, int actions) {
    specs.push_back(NetworkSpec::Create(std::move(layers), observation, actions));
  };
  add({Conv(16, 3), kReluLayer, kFlattenLayer, Linear(128), kReluLayer, Head(true)}, bits, 6);
  add({Conv(4, 3), kReluLayer, kFlattenLayer, Linear(32), kReluLayer, Head(false)}, bits, 3);
  add({Conv(5, 4, 2, 1), kTanhLayer, Conv(6, 2, 1, 1), kReluLayer, kFlattenLayer, Head(true)},
      odd_bits, 4);
  add({Conv(8, 3, 2, 2), Conv(3, 2), kTanhLayer, kFlattenLayer, Linear(10), Head(false)}, bytes, 2);
  add({kReluLayer, Conv(32, 5), kReluLayer, kReluLayer, kFlattenLayer, Head(true)}, bits, 18);
  add({kFlattenLayer, Linear(20), kReluLayer, Linear(7), kTanhLayer, Head(true)}, odd_bits, 1);
  add({Linear(32), kTanhLayer, Head(false)}, floats, 3);
  add({kTanhLayer, Linear(9), kReluLayer, Head(true)}, floats, 5);
  add({kFlattenLayer, Head(false)}, bytes, 4);
  return specs;
}

/// rows packed observations with some 10 % of the bits set (bytes: small numbers).
inline std::vector<std::uint8_t> RandomPacked(const TensorSpec& spec, std::size_t rows, Rng& rng) {
  std::vector<std::uint8_t> packed(rows * static_cast<std::size_t>(spec.PackedBytes()));
  if (spec.kind == ElementKind::kFloats) {
    std::vector<float> values(rows * static_cast<std::size_t>(spec.Elements()));
    for (float& value : values) value = static_cast<float>(2 * rng.Uniform() - 1);
    std::copy_n(reinterpret_cast<const std::uint8_t*>(values.data()), packed.size(), packed.data());
    return packed;
  }
  for (std::uint8_t& byte : packed) {
    if (spec.kind == ElementKind::kBytes) {
      byte = static_cast<std::uint8_t>(rng.Below(4));
      continue;
    }
    byte = 0;
    for (int bit = 0; bit < 8; ++bit) {
      if (rng.Uniform() < 0.1) byte = static_cast<std::uint8_t>(byte | (1 << bit));
    }
  }
  return packed;
}

inline std::vector<float> RandomFloats(std::size_t count, Rng& rng, double scale = 1) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>((2 * rng.Uniform() - 1) * scale);
  return values;
}

}  // namespace stillhouse::learner
