#pragma once

#include <cstdint>
#include <vector>

#include "common/model/native_file.h"
#include "common/model/network_spec.h"

/// A model of cart_pole that can be written down: what it does is known without training.
namespace stillhouse::testing_support {

/// A linear network on the pole's four numbers.
inline NetworkSpec PoleNetwork() {
  return NetworkSpec::Create({{.kind = LayerKind::kQHead}}, {ElementKind::kFloats, {4}}, 2);
}

/// Pushes right when angle + angular velocity > 0: that keeps the pole up. `gain` scales Q.
inline std::vector<float> Balances(float gain = 1) {
  return {0, 0, -gain, -gain, 0, 0, gain, gain, 0, 0};
}

inline std::vector<std::uint8_t> PoleFile(const std::vector<float>& parameters) {
  return EncodeNativeFile(PoleNetwork(), ParameterBlock(PoleNetwork(), 3, parameters));
}

}  // namespace stillhouse::testing_support
