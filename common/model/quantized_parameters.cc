// Encoded form, little-endian (docs/formats.md):
//   block  = "SHQB", uint32 format (1), uint64 fingerprint, tensor [as the network has them],
//            uint32 CRC32C of everything before it
//   tensor = uint8 kind, 0: float32 value [size]
//                        1: float32 scale [shape[0]], int8 weight [size]
#include "common/model/quantized_parameters.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "common/base/crc32c.h"
#include "common/base/error.h"

namespace stillhouse {
namespace {

constexpr std::uint32_t kMagic = 0x42514853;  // "SHQB"
constexpr std::uint32_t kFormat = 1;
constexpr float kLargest = 127;

std::size_t Rows(const TensorEntry& entry) { return static_cast<std::size_t>(entry.shape[0]); }

/// The scale of one output channel. What is so small that a 127th of it has no full precision is 0.
float ScaleOf(std::span<const float> row) {
  float largest = 0;
  for (const float value : row) largest = std::max(largest, std::abs(value));
  const float scale = largest / kLargest;
  return scale >= std::numeric_limits<float>::min() ? scale : 1.0F;
}

bool IsWeight(const TensorEntry& entry) { return entry.shape.size() > 1; }

}  // namespace

std::vector<bool> TensorsToQuantize(const NetworkSpec& spec) {
  const auto& tensors = spec.Tensors();
  std::vector<std::size_t> weights;
  std::int64_t all = 0;
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    if (!IsWeight(tensors[t])) continue;
    weights.push_back(t);
    all += tensors[t].Size();
  }
  std::stable_sort(weights.begin(), weights.end(), [&](std::size_t a, std::size_t b) {
    return tensors[a].Size() < tensors[b].Size();
  });
  std::vector<bool> quantize(tensors.size(), false);
  std::int64_t kept = 0;
  for (const std::size_t t : weights) {
    kept += tensors[t].Size();
    quantize[t] = static_cast<double>(kept) > kFloatShare * static_cast<double>(all);
  }
  return quantize;
}

QuantizedParameters QuantizedParameters::Quantize(const NetworkSpec& spec,
                                                  std::span<const float> values) {
  if (std::cmp_not_equal(values.size(), spec.ParameterCount())) {
    throw ShapeError(fmt::format("parameters of {}: {} values, expected {}", spec.ToString(),
                                 values.size(), spec.ParameterCount()));
  }
  const std::vector<bool> quantize = TensorsToQuantize(spec);
  QuantizedParameters result;
  for (std::size_t t = 0; t < quantize.size(); ++t) {
    const TensorEntry& entry = spec.Tensors()[t];
    const auto tensor = values.subspan(static_cast<std::size_t>(entry.offset),
                                       static_cast<std::size_t>(entry.Size()));
    Part part;
    if (!quantize[t]) {
      part.floats.assign(tensor.begin(), tensor.end());
    } else {
      const std::size_t width = tensor.size() / Rows(entry);
      for (std::size_t row = 0; row < Rows(entry); ++row) {
        const auto weights = tensor.subspan(row * width, width);
        const float scale = ScaleOf(weights);
        part.scales.push_back(scale);
        for (const float weight : weights) {
          const float n = std::clamp(std::nearbyint(weight / scale), -kLargest, kLargest);
          part.weights.push_back(static_cast<std::int8_t>(n));
        }
      }
    }
    result.parts_.push_back(std::move(part));
  }
  return result;
}

std::vector<float> QuantizedParameters::Dequantize() const {
  std::vector<float> values;
  for (const Part& part : parts_) {
    values.insert(values.end(), part.floats.begin(), part.floats.end());
    const std::size_t width = part.scales.empty() ? 1 : part.weights.size() / part.scales.size();
    for (std::size_t i = 0; i < part.weights.size(); ++i) {
      values.push_back(part.scales[i / width] * static_cast<float>(part.weights[i]));
    }
  }
  return values;
}

std::int64_t QuantizedParameters::Bytes() const {
  std::size_t bytes = 0;
  for (const Part& part : parts_) {
    bytes += part.weights.size() + (part.scales.size() + part.floats.size()) * sizeof(float);
  }
  return static_cast<std::int64_t>(bytes);
}

void QuantizedParameters::Encode(const NetworkSpec& spec, ByteWriter& out) const {
  const std::size_t begin = out.Size();
  out.Put(kMagic);
  out.Put(kFormat);
  out.Put(spec.Fingerprint());
  for (const Part& part : parts_) {
    out.Put(static_cast<std::uint8_t>(part.scales.empty() ? 0 : 1));
    out.PutArray(std::span<const float>(part.scales));
    out.PutArray(std::span<const std::int8_t>(part.weights));
    out.PutArray(std::span<const float>(part.floats));
  }
  out.Put(Crc32c({out.Data() + begin, out.Size() - begin}));
}

bool QuantizedParameters::IsNext(ByteReader in) {
  return in.Left() >= sizeof(kMagic) && in.Get<std::uint32_t>() == kMagic;
}

QuantizedParameters QuantizedParameters::Decode(ByteReader& in, const NetworkSpec& expected) {
  // A second reader at the same place walks the fields; `in` then hands out the checked bytes.
  ByteReader fields = in;
  if (const auto magic = fields.Get<std::uint32_t>(); magic != kMagic) {
    in.Fail(fmt::format("not a block of int8 parameters: magic {:08x}, expected {:08x}", magic,
                        kMagic));
  }
  if (const auto format = fields.Get<std::uint32_t>(); format != kFormat) {
    in.Fail(fmt::format("int8 parameters of format {}, this build reads {}", format, kFormat));
  }
  if (const auto found = fields.Get<std::uint64_t>(); found != expected.Fingerprint()) {
    in.Fail(fmt::format("int8 parameters of another network: fingerprint {:016x}, {} has {:016x}",
                        found, expected.ToString(), expected.Fingerprint()));
  }
  const std::size_t begin = in.Position();
  QuantizedParameters result;
  for (const TensorEntry& entry : expected.Tensors()) {
    result.parts_.push_back(DecodePart(fields, entry));
  }
  const std::uint32_t found = Crc32c(in.GetBytes(fields.Position() - begin));
  if (const auto stored = in.Get<std::uint32_t>(); stored != found) {
    in.Fail(fmt::format("int8 parameters: CRC32C {:08x}, stored {:08x}", found, stored));
  }
  return result;
}

QuantizedParameters::Part QuantizedParameters::DecodePart(ByteReader& in,
                                                          const TensorEntry& entry) {
  Part part;
  const auto size = static_cast<std::size_t>(entry.Size());
  if (!in.GetBool()) {
    part.floats = in.GetArray<float>(size);
    return part;
  }
  if (!IsWeight(entry)) in.Fail(fmt::format("{}: int8, must be float32", entry.name));
  part.scales = in.GetArray<float>(Rows(entry));
  part.weights = in.GetArray<std::int8_t>(size);
  for (const float scale : part.scales) {
    if (!(scale > 0) || !std::isfinite(scale)) {
      in.Fail(fmt::format("{}: a scale is {}, must be above 0", entry.name, scale));
    }
  }
  if (std::find(part.weights.begin(), part.weights.end(), -128) != part.weights.end()) {
    in.Fail(fmt::format("{}: a weight is -128, must be -127 to 127", entry.name));
  }
  return part;
}

}  // namespace stillhouse
