// Encoded form, little-endian:
//   spec   = uint8 format (1), observation (TensorSpec), int32 actions, uint32 count, layer*
//   layer  = uint8 kind, int64 units, int64 kernel, int64 stride, int64 padding, uint8 dueling
#include "common/model/network_spec.h"

#include <algorithm>
#include <utility>

#include <fmt/ranges.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kMaxLayers = 64;
constexpr std::int64_t kMaxUnits = 65536;
constexpr std::int64_t kMaxKernel = 64;
constexpr std::int64_t kMaxElements = std::int64_t{1} << 24;
constexpr std::int64_t kMaxParameters = std::int64_t{1} << 28;
constexpr std::int32_t kMaxActions = 65536;

std::int64_t Product(const std::vector<std::int64_t>& shape) {
  std::int64_t product = 1;
  for (const auto size : shape) product *= size;
  return product;
}

/// FNV-1a over the bytes, then one round of SplitMix64 so that every bit depends on every byte.
std::uint64_t Hash(std::span<const std::uint8_t> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const auto byte : bytes) hash = (hash ^ byte) * 0x100000001b3ULL;
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
  return hash ^ (hash >> 31);
}

}  // namespace

std::string ToString(const LayerSpec& layer) {
  switch (layer.kind) {
    case LayerKind::kConv2d: {
      std::string text = fmt::format("conv{}k{}", layer.units, layer.kernel);
      if (layer.stride != 1) text += fmt::format("s{}", layer.stride);
      if (layer.padding != 0) text += fmt::format("p{}", layer.padding);
      return text;
    }
    case LayerKind::kLinear:
      return fmt::format("fc{}", layer.units);
    case LayerKind::kRelu:
      return "relu";
    case LayerKind::kTanh:
      return "tanh";
    case LayerKind::kFlatten:
      return "flatten";
    case LayerKind::kQHead:
      return layer.dueling ? "dueling" : "q";
  }
  SH_CHECK(false, "unknown layer kind {}", static_cast<int>(layer.kind));
}

std::int64_t TensorEntry::Size() const { return Product(shape); }

NetworkSpec NetworkSpec::Create(std::vector<LayerSpec> layers, const TensorSpec& observation,
                                std::int32_t num_actions) {
  if (num_actions < 1 || num_actions > kMaxActions) {
    throw ConfigError(
        fmt::format("network: {} actions, must be 1 to {}", num_actions, kMaxActions));
  }
  std::int64_t elements = 1;
  for (const auto size : observation.shape) {
    if (size < 1 || size > kMaxElements || (elements *= size) > kMaxElements) {
      throw ConfigError(
          fmt::format("network: observation {}: sizes must be at least 1, at most {} "
                      "elements in all",
                      observation.ToString(), kMaxElements));
    }
  }
  if (layers.empty()) {
    throw ConfigError("network: no layers; the last one must be q_head");
  }
  if (layers.size() > kMaxLayers) {
    throw ConfigError(
        fmt::format("network: {} layers, at most {} allowed", layers.size(), kMaxLayers));
  }
  NetworkSpec spec;
  spec.layers_ = std::move(layers);
  spec.observation_ = observation;
  spec.num_actions_ = num_actions;
  for (std::size_t i = 0; i < spec.layers_.size(); ++i) spec.AddLayer(i);
  if (spec.layers_.back().kind != LayerKind::kQHead) {
    spec.Refuse(spec.layers_.size() - 1,
                fmt::format("is the last layer, but the output must fit the {} actions: end with "
                            "q_head",
                            num_actions));
  }
  ByteWriter out;
  spec.Encode(out);
  spec.fingerprint_ = Hash({out.Data(), out.Size()});
  return spec;
}

void NetworkSpec::AddLayer(std::size_t index) {
  const std::vector<std::int64_t> in = InputShape(index);
  switch (layers_[index].kind) {
    case LayerKind::kConv2d:
      AddConv(index, in);
      break;
    case LayerKind::kLinear:
      AddLinear(index, in);
      break;
    case LayerKind::kRelu:
    case LayerKind::kTanh:
      shapes_.push_back(in);
      break;
    case LayerKind::kFlatten:
      shapes_.push_back({Product(in)});
      break;
    case LayerKind::kQHead:
      AddHead(index, in);
      break;
  }
  CheckOutput(index);
  if (parameter_count_ > kMaxParameters) {
    Refuse(index, fmt::format("brings the network to {} parameters, at most {} allowed",
                              parameter_count_, kMaxParameters));
  }
}

void NetworkSpec::CheckOutput(std::size_t index) const {
  if (Product(shapes_.back()) > kMaxElements) {
    Refuse(index, fmt::format("gives [{}], more than {} elements", fmt::join(shapes_.back(), ","),
                              kMaxElements));
  }
}

void NetworkSpec::AddConv(std::size_t index, const std::vector<std::int64_t>& in) {
  const LayerSpec& layer = layers_[index];
  if (in.size() != 3) Refuse(index, "needs an image [channels,rows,columns]");
  if (layer.units < 1 || layer.units > kMaxUnits) {
    Refuse(index, fmt::format("needs 1 to {} filters", kMaxUnits));
  }
  if (layer.kernel < 1 || layer.kernel > kMaxKernel) {
    Refuse(index, fmt::format("needs a kernel of 1 to {}", kMaxKernel));
  }
  if (layer.stride < 1 || layer.stride > kMaxKernel) {
    Refuse(index, fmt::format("needs a stride of 1 to {}", kMaxKernel));
  }
  if (layer.padding < 0 || layer.padding >= layer.kernel) {
    Refuse(index, "needs a padding of at least 0 and below the kernel");
  }
  const std::int64_t rows = in[1] + 2 * layer.padding;
  const std::int64_t columns = in[2] + 2 * layer.padding;
  if (layer.kernel > rows || layer.kernel > columns) {
    Refuse(index, fmt::format("has a kernel larger than the image: needs rows and columns of at "
                              "least {}, padding included",
                              layer.kernel));
  }
  shapes_.push_back({layer.units, (rows - layer.kernel) / layer.stride + 1,
                     (columns - layer.kernel) / layer.stride + 1});
  CheckOutput(index);  // before it is multiplied with anything
  AddTensors(fmt::format("{}", index), {layer.units, in[0], layer.kernel, layer.kernel});
  macs_ += Product(shapes_.back()) * in[0] * layer.kernel * layer.kernel;
}

void NetworkSpec::AddLinear(std::size_t index, const std::vector<std::int64_t>& in) {
  const LayerSpec& layer = layers_[index];
  if (in.size() != 1) Refuse(index, "needs a flat input [n]: put flatten before it");
  if (layer.units < 1 || layer.units > kMaxUnits) {
    Refuse(index, fmt::format("needs 1 to {} units", kMaxUnits));
  }
  shapes_.push_back({layer.units});
  AddTensors(fmt::format("{}", index), {layer.units, in[0]});
  macs_ += layer.units * in[0];
}

void NetworkSpec::AddHead(std::size_t index, const std::vector<std::int64_t>& in) {
  if (index + 1 != layers_.size()) Refuse(index, "must be the last layer");
  if (in.size() != 1) Refuse(index, "needs a flat input [n]: put flatten before it");
  shapes_.push_back({num_actions_});
  if (layers_[index].dueling) {
    AddTensors("value", {1, in[0]});
    AddTensors("advantage", {num_actions_, in[0]});
    macs_ += in[0];
  } else {
    AddTensors("head", {num_actions_, in[0]});
  }
  macs_ += num_actions_ * in[0];
}

void NetworkSpec::AddTensors(const std::string& prefix,
                             const std::vector<std::int64_t>& weight_shape) {
  const std::int64_t fan_in = Product(weight_shape) / weight_shape[0];
  AddTensor({prefix + ".weight", weight_shape, 0, fan_in});
  AddTensor({prefix + ".bias", {weight_shape[0]}, 0, fan_in});
}

void NetworkSpec::AddTensor(TensorEntry entry) {
  entry.offset = parameter_count_;
  parameter_count_ += entry.Size();
  tensors_.push_back(std::move(entry));
}

void NetworkSpec::Refuse(std::size_t index, const std::string& needs) const {
  throw ConfigError(fmt::format("network: layer {} ({}) on input [{}]: {}", index,
                                stillhouse::ToString(layers_[index]),
                                fmt::join(InputShape(index), ","), needs));
}

std::string NetworkSpec::ToString() const {
  std::string text;
  for (const auto& layer : layers_) {
    if (!text.empty()) text += "-";
    text += stillhouse::ToString(layer);
  }
  return fmt::format("{}({})", text, num_actions_);
}

void NetworkSpec::Encode(ByteWriter& out) const {
  out.Put(kFormat);
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
  }
}

NetworkSpec NetworkSpec::Decode(ByteReader& in) {
  const auto format = in.Get<std::uint8_t>();
  if (format != kFormat) {
    in.Fail(fmt::format("network description of format {}, this build reads {}", format, kFormat));
  }
  const TensorSpec observation = TensorSpec::Decode(in);
  const auto num_actions = in.Get<std::int32_t>();
  const auto count = in.Get<std::uint32_t>();
  if (count > kMaxLayers) in.Fail(fmt::format("{} layers, at most {}", count, kMaxLayers));
  std::vector<LayerSpec> layers(count);
  for (auto& layer : layers) {
    layer.kind = in.GetEnum(LayerKind::kQHead);
    layer.units = in.Get<std::int64_t>();
    layer.kernel = in.Get<std::int64_t>();
    layer.stride = in.Get<std::int64_t>();
    layer.padding = in.Get<std::int64_t>();
    layer.dueling = in.GetBool();
  }
  try {
    return Create(std::move(layers), observation, num_actions);
  } catch (const ConfigError& refused) {
    in.Fail(refused.what());
  }
}

}  // namespace stillhouse
