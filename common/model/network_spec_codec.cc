// Encoded form, little-endian:
//   spec   = uint8 format, observation (TensorSpec), int32 actions, uint32 count, layer*
//   layer  = uint8 kind, int64 units, int64 kernel, int64 stride, int64 padding, uint8 dueling,
//            in format 2 also: uint8 bias, int64 groups, int64 vocabulary
//            in format 3 also: int64 offset
// A spec is written in the oldest format that can hold it, so that its hash stays what it was.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/error.h"
#include "common/model/network_spec.h"

namespace stillhouse {
namespace {

constexpr std::uint8_t kNewestFormat = 3;
constexpr std::size_t kMaxLayers = 512;  // as NetworkSpec::Create

bool FitsFormat1(const LayerSpec& layer) {
  return layer.kind <= kLastOfFormat1 && layer.bias && layer.groups == 1 && layer.vocabulary == 0;
}

std::uint8_t FormatOf(const std::vector<LayerSpec>& layers) {
  const bool views = std::any_of(layers.begin(), layers.end(), [](const LayerSpec& layer) {
    return layer.kind > kLastOfFormat2 || layer.offset != 0;
  });
  if (views) return kNewestFormat;
  return std::all_of(layers.begin(), layers.end(), FitsFormat1) ? 1 : 2;
}

}  // namespace

bool NetworkSpec::NeedsAutograd() const {
  return !std::all_of(layers_.begin(), layers_.end(), FitsFormat1);
}

void NetworkSpec::Encode(ByteWriter& out) const {
  const std::uint8_t format = FormatOf(layers_);
  out.Put(format);
  observation_.Encode(out);
  out.Put(num_actions_);
  out.Put(static_cast<std::uint32_t>(layers_.size()));
  for (const auto& layer : layers_) {
    out.Put(layer.kind);
    out.Put(layer.units);
    out.Put(layer.kernel);
    out.Put(layer.stride);
    out.Put(layer.padding);
    out.Put(static_cast<std::uint8_t>(layer.dueling));
    if (format == 1) continue;
    out.Put(static_cast<std::uint8_t>(layer.bias));
    out.Put(layer.groups);
    out.Put(layer.vocabulary);
    if (format > 2) out.Put(layer.offset);
  }
}

NetworkSpec NetworkSpec::Decode(ByteReader& in) {
  const auto format = in.Get<std::uint8_t>();
  if (format < 1 || format > kNewestFormat) {
    in.Fail(fmt::format("network description of format {}, this build reads up to {}", format,
                        kNewestFormat));
  }
  const TensorSpec observation = TensorSpec::Decode(in);
  const auto num_actions = in.Get<std::int32_t>();
  const auto count = in.Get<std::uint32_t>();
  if (count > kMaxLayers) in.Fail(fmt::format("{} layers, at most {}", count, kMaxLayers));
  std::vector<LayerSpec> layers(count);
  for (auto& layer : layers) {
    layer.kind = in.GetEnum(format == 1   ? kLastOfFormat1
                            : format == 2 ? kLastOfFormat2
                                          : LayerKind::kView);
    layer.units = in.Get<std::int64_t>();
    layer.kernel = in.Get<std::int64_t>();
    layer.stride = in.Get<std::int64_t>();
    layer.padding = in.Get<std::int64_t>();
    layer.dueling = in.GetBool();
    if (format == 1) continue;
    layer.bias = in.GetBool();
    layer.groups = in.Get<std::int64_t>();
    layer.vocabulary = in.Get<std::int64_t>();
    if (format > 2) layer.offset = in.Get<std::int64_t>();
  }
  try {
    return Create(std::move(layers), observation, num_actions);
  } catch (const ConfigError& refused) {
    in.Fail(refused.what());
  }
}

}  // namespace stillhouse
