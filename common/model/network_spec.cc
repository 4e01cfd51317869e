#include "common/model/network_spec.h"

#include <algorithm>
#include <utility>

#include <fmt/ranges.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

constexpr std::size_t kMaxLayers = 512;
constexpr std::int64_t kMaxUnits = 65536;
constexpr std::int64_t kMaxKernel = 64;
constexpr std::int64_t kMaxElements = std::int64_t{1} << 24;
constexpr std::int64_t kMaxParameters = std::int64_t{1} << 28;
constexpr std::int32_t kMaxActions = 65536;
constexpr std::int64_t kMaxVocabulary = 1'000'000;

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

/// "k3s2p1"; a stride of `usual` is not said.
std::string WindowText(const LayerSpec& layer, std::int64_t usual) {
  std::string text = fmt::format("k{}", layer.kernel);
  if (layer.stride != usual) text += fmt::format("s{}", layer.stride);
  if (layer.padding != 0) text += fmt::format("p{}", layer.padding);
  return text + (layer.bias ? "" : "n");
}

}  // namespace

std::string ToString(const LayerSpec& layer) {
  switch (layer.kind) {
    case LayerKind::kConv2d:
      return fmt::format("conv{}{}", layer.units, WindowText(layer, 1));
    case LayerKind::kDepthwise:
      return "depthwise" + WindowText(layer, 1);
    case LayerKind::kMaxPool:
      return "maxpool" + WindowText(layer, layer.kernel);
    case LayerKind::kMeanPool:
      return "meanpool";
    case LayerKind::kNorm:
      return layer.groups == 1 ? "norm" : fmt::format("norm{}", layer.groups);
    case LayerKind::kEmbedding:
      return fmt::format("embed{}v{}", layer.units, layer.vocabulary);
    case LayerKind::kResidual:
      return "residual(";
    case LayerKind::kShortcut:
      return "|";
    case LayerKind::kJoin:
      return ")";
    case LayerKind::kView:
      return layer.kernel == 0 ? fmt::format("view{}at{}", layer.units, layer.offset)
                               : fmt::format("view{}x{}x{}at{}", layer.units, layer.kernel,
                                             layer.kernel, layer.offset);
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
  if (observation.masked_actions != 0 && observation.masked_actions != num_actions) {
    throw ConfigError(fmt::format("network: observation {}, but there are {} actions",
                                  observation.ToString(), num_actions));
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
  if (!spec.branches_.empty()) {
    spec.Refuse(spec.layers_.size() - 1, "ends the network within a residual block");
  }
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
    case LayerKind::kDepthwise:
      AddConv(index, in);
      break;
    case LayerKind::kMaxPool:
      AddMaxPool(index, in);
      break;
    case LayerKind::kMeanPool:
      if (in.size() != 3) Refuse(index, "needs an image [channels,rows,columns]");
      shapes_.push_back({in[0]});
      break;
    case LayerKind::kNorm:
      AddNorm(index, in);
      break;
    case LayerKind::kEmbedding:
      AddEmbedding(index, in);
      break;
    case LayerKind::kResidual:
    case LayerKind::kShortcut:
    case LayerKind::kJoin:
      AddBranch(index, in);
      break;
    case LayerKind::kView:
      AddView(index, in);
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

std::vector<std::int64_t> NetworkSpec::Slide(std::size_t index,
                                             const std::vector<std::int64_t>& in) const {
  const LayerSpec& layer = layers_[index];
  if (in.size() != 3) Refuse(index, "needs an image [channels,rows,columns]");
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
  return {(rows - layer.kernel) / layer.stride + 1, (columns - layer.kernel) / layer.stride + 1};
}

void NetworkSpec::AddConv(std::size_t index, const std::vector<std::int64_t>& in) {
  const LayerSpec& layer = layers_[index];
  const bool depthwise = layer.kind == LayerKind::kDepthwise;
  if (!depthwise && in.size() == 3 && (layer.units < 1 || layer.units > kMaxUnits)) {
    Refuse(index, fmt::format("needs 1 to {} filters", kMaxUnits));
  }
  const auto size = Slide(index, in);
  const std::int64_t filters = depthwise ? in[0] : layer.units;
  const std::int64_t inputs = depthwise ? 1 : in[0];
  shapes_.push_back({filters, size[0], size[1]});
  CheckOutput(index);  // before it is multiplied with anything
  AddTensors(fmt::format("{}", index), {filters, inputs, layer.kernel, layer.kernel}, layer.bias);
  macs_ += Product(shapes_.back()) * inputs * layer.kernel * layer.kernel;
}

void NetworkSpec::AddMaxPool(std::size_t index, const std::vector<std::int64_t>& in) {
  const auto size = Slide(index, in);
  // A window must hold something besides padding.
  if (2 * layers_[index].padding > layers_[index].kernel) {
    Refuse(index, "needs a padding of at most half the kernel");
  }
  shapes_.push_back({in[0], size[0], size[1]});
}

void NetworkSpec::AddNorm(std::size_t index, const std::vector<std::int64_t>& in) {
  const LayerSpec& layer = layers_[index];
  if (in.empty()) Refuse(index, "needs an input with channels");
  if (layer.groups < 1 || layer.groups > in[0] || in[0] % layer.groups != 0) {
    Refuse(index, fmt::format("needs groups that divide the {} channels", in[0]));
  }
  shapes_.push_back(in);
  using Initial = TensorEntry::Initial;
  AddTensor({fmt::format("{}.weight", index), {in[0]}, 0, 0, Initial::kOne});
  AddTensor({fmt::format("{}.bias", index), {in[0]}, 0, 0, Initial::kZero});
}

void NetworkSpec::AddEmbedding(std::size_t index, const std::vector<std::int64_t>& in) {
  const LayerSpec& layer = layers_[index];
  if (index != 0 || in.size() != 1) Refuse(index, "must be the first layer, on tokens [length]");
  if (observation_.kind == ElementKind::kUnitBytes) Refuse(index, "needs whole numbers");
  if (layer.units < 1 || layer.units > kMaxUnits) {
    Refuse(index, fmt::format("needs a width of 1 to {}", kMaxUnits));
  }
  if (layer.vocabulary < 2 || layer.vocabulary > kMaxVocabulary) {
    Refuse(index, fmt::format("needs a vocabulary of 2 to {}", kMaxVocabulary));
  }
  shapes_.push_back({layer.units});
  AddTensor({fmt::format("{}.weight", index), {layer.vocabulary, layer.units}, 0, layer.units});
}

void NetworkSpec::AddView(std::size_t index, const std::vector<std::int64_t>& in) {
  const LayerSpec& layer = layers_[index];
  if (index != 0) Refuse(index, "must be the first layer");
  const std::int64_t there = Product(in);
  if (layer.units < 1 || layer.units > kMaxElements || layer.kernel < 0 ||
      layer.kernel > kMaxKernel || layer.offset < 0 || layer.offset > there) {
    Refuse(index, fmt::format("needs channels, a size of at most {} and an offset", kMaxKernel));
  }
  if (layer.kernel > 0) {
    shapes_.push_back({layer.units, layer.kernel, layer.kernel});
  } else {
    shapes_.push_back({layer.units});
  }
  if (layer.offset + Product(shapes_.back()) > there) {
    Refuse(index, fmt::format("ends at number {}, beyond the observation's {}",
                              layer.offset + Product(shapes_.back()), there));
  }
}

void NetworkSpec::AddBranch(std::size_t index, const std::vector<std::int64_t>& in) {
  if (layers_[index].kind == LayerKind::kResidual) {
    branches_.push_back({in, {}});
    shapes_.push_back(in);
    return;
  }
  if (branches_.empty()) Refuse(index, "stands outside a residual block");
  Branch& branch = branches_.back();
  if (layers_[index].kind == LayerKind::kShortcut) {
    if (!branch.body.empty()) Refuse(index, "is the second shortcut of its block");
    branch.body = in;
    shapes_.push_back(branch.in);
    return;
  }
  const auto& other = branch.body.empty() ? branch.in : branch.body;
  if (other != in) {
    Refuse(index, fmt::format("cannot add [{}]", fmt::join(other, ",")));
  }
  shapes_.push_back(in);
  branches_.pop_back();
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
  if (index + 1 != layers_.size() || !branches_.empty()) Refuse(index, "must be the last layer");
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
                             const std::vector<std::int64_t>& weight_shape, bool bias) {
  const std::int64_t fan_in = Product(weight_shape) / weight_shape[0];
  AddTensor({prefix + ".weight", weight_shape, 0, fan_in});
  if (bias) AddTensor({prefix + ".bias", {weight_shape[0]}, 0, fan_in});
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

}  // namespace stillhouse
