#pragma once

#include <cstdint>
#include <string>

#include "common/export/exported_model.h"

namespace stillhouse {

inline constexpr std::int64_t kOnnxIrVersion = 7;
inline constexpr std::int64_t kOnnxOpset = 13;

/// The bytes of an ONNX model: input `observation` float32 [batch, shape...], output `q` float32
/// [batch, A], operators of opset 13 of the standard alone. int8 weights are stored as such and
/// dequantised per channel (DequantizeLinear) where they are used.
std::string WriteOnnx(const ExportedModel& model);

}  // namespace stillhouse
