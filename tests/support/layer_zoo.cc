#include "tests/support/layer_zoo.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "common/model/native_network.h"

namespace stillhouse::testing_support {
namespace {

using Kind = LayerKind;

constexpr LayerSpec kRelu{.kind = Kind::kRelu};
constexpr LayerSpec kTanh{.kind = Kind::kTanh};
constexpr LayerSpec kFlatten{.kind = Kind::kFlatten};
constexpr LayerSpec kMeanPool{.kind = Kind::kMeanPool};
constexpr LayerSpec kResidual{.kind = Kind::kResidual};
constexpr LayerSpec kShortcut{.kind = Kind::kShortcut};
constexpr LayerSpec kJoin{.kind = Kind::kJoin};
constexpr LayerSpec kHead{.kind = Kind::kQHead};
constexpr LayerSpec kDueling{.kind = Kind::kQHead, .dueling = true};

LayerSpec Conv(std::int64_t filters, std::int64_t kernel, std::int64_t stride = 1,
               std::int64_t padding = 0, bool bias = true) {
  return {.kind = Kind::kConv2d,
          .units = filters,
          .kernel = kernel,
          .stride = stride,
          .padding = padding,
          .bias = bias};
}
LayerSpec Depthwise(std::int64_t kernel, std::int64_t stride, std::int64_t padding, bool bias) {
  return {.kind = Kind::kDepthwise,
          .kernel = kernel,
          .stride = stride,
          .padding = padding,
          .bias = bias};
}
LayerSpec MaxPool(std::int64_t kernel, std::int64_t stride, std::int64_t padding) {
  return {.kind = Kind::kMaxPool, .kernel = kernel, .stride = stride, .padding = padding};
}
LayerSpec Norm(std::int64_t groups) { return {.kind = Kind::kNorm, .groups = groups}; }
LayerSpec Fc(std::int64_t units) { return {.kind = Kind::kLinear, .units = units}; }
LayerSpec View(std::int64_t channels, std::int64_t size, std::int64_t offset) {
  return {.kind = Kind::kView, .units = channels, .kernel = size, .offset = offset};
}
LayerSpec Embedding(std::int64_t width, std::int64_t vocabulary) {
  return {.kind = Kind::kEmbedding, .units = width, .vocabulary = vocabulary};
}

const TensorSpec kImage{ElementKind::kUnitBytes, {3, 9, 8}};
const TensorSpec kBoard{ElementKind::kBits, {4, 10, 10}};
const TensorSpec kVector{ElementKind::kFloats, {7}};
const TensorSpec kText{ElementKind::kBytes, {12}};

}  // namespace

std::vector<ZooNetwork> LayerZoo() {
  const auto make = [](std::string name, std::vector<LayerSpec> layers,
                       const TensorSpec& observation, std::int32_t actions) {
    return ZooNetwork{std::move(name),
                      NetworkSpec::Create(std::move(layers), observation, actions)};
  };
  return {
      make("head_alone", {kHead}, kVector, 3),
      make("dueling_alone", {kDueling}, kVector, 5),
      make("one_action", {kDueling}, kVector, 1),
      make("linear_relu", {Fc(16), kRelu, Fc(9), kRelu, kHead}, kVector, 2),
      make("linear_tanh", {Fc(6), kTanh, kHead}, kVector, 4),
      make("relu_first", {kRelu, kTanh, kHead}, kVector, 2),
      make("conv", {Conv(5, 3), kRelu, kFlatten, kHead}, kImage, 3),
      make("conv_stride_padding", {Conv(4, 3, 2, 1), kRelu, Conv(2, 2, 2), kFlatten, kHead}, kImage,
           3),
      make("conv_without_bias", {Conv(4, 3, 1, 2, false), kTanh, kFlatten, kDueling}, kImage, 3),
      make("depthwise", {Depthwise(3, 1, 1, true), kRelu, kFlatten, kHead}, kImage, 3),
      make("depthwise_stride", {Depthwise(3, 2, 0, false), Conv(6, 1), kFlatten, kHead}, kImage, 3),
      make("max_pool", {Conv(4, 3), MaxPool(3, 2, 1), kFlatten, kHead}, kImage, 3),
      make("max_pool_negative", {Conv(4, 3), kTanh, MaxPool(2, 2, 1), kFlatten, kHead}, kImage, 3),
      make("mean_pool", {Conv(4, 3), kRelu, kMeanPool, kHead}, kImage, 3),
      make("norm", {Conv(6, 3), Norm(3), kRelu, kFlatten, kHead}, kImage, 3),
      make("norm_whole", {Conv(6, 3), Norm(1), kMeanPool, kHead}, kImage, 3),
      make("norm_flat", {Fc(8), Norm(2), kRelu, kHead}, kVector, 3),
      make("embedding", {Embedding(5, 20), Fc(4), kRelu, kHead}, kText, 3),
      make("view_image", {View(2, 5, 50), Conv(3, 3), kFlatten, kHead}, kBoard, 3),
      make("view_flat", {View(30, 0, 11), Fc(4), kRelu, kHead}, kBoard, 3),
      make("residual", {Conv(4, 3), kResidual, Conv(4, 3, 1, 1), kJoin, kRelu, kFlatten, kHead},
           kImage, 3),
      make("residual_keeps_its_input", {Fc(6), kResidual, kRelu, Fc(6), kRelu, kJoin, kHead},
           kVector, 3),
      make("residual_empty", {Fc(6), kResidual, kJoin, kHead}, kVector, 3),
      make("residual_of_observation", {kResidual, kTanh, Fc(7), kJoin, kHead}, kVector, 3),
      make("shortcut",
           {kResidual, Conv(4, 3, 2, 1), Norm(2), kRelu, kShortcut, Conv(4, 1, 2), kJoin, kRelu,
            kMeanPool, kHead},
           kImage, 3),
      make("residual_nested",
           {Fc(6), kResidual, Fc(6), kResidual, kTanh, Fc(6), kJoin, kRelu, kShortcut, kRelu, kJoin,
            kResidual, Fc(6), kJoin, kDueling},
           kVector, 3),
      make("game", {Conv(16, 3), kRelu, kFlatten, Fc(32), kRelu, kDueling}, kBoard, 6),
  };
}

std::vector<float> ZooParameters(const NetworkSpec& network, Rng& rng) {
  std::vector<float> values(static_cast<std::size_t>(network.ParameterCount()));
  for (const TensorEntry& entry : network.Tensors()) {
    const double bound =
        entry.fan_in > 0 ? 1.7 / std::sqrt(static_cast<double>(entry.fan_in)) : 1.0;
    for (std::int64_t i = 0; i < entry.Size(); ++i) {
      values[static_cast<std::size_t>(entry.offset + i)] =
          static_cast<float>(bound * (2 * rng.Uniform() - 1));
    }
  }
  return values;
}

std::vector<float> ZooObservations(const NetworkSpec& network, std::int64_t batch, Rng& rng) {
  const TensorSpec& observation = network.Observation();
  const LayerSpec& first = network.Layers().front();
  std::vector<float> values(static_cast<std::size_t>(batch * observation.Elements()));
  for (float& value : values) {
    if (first.kind == Kind::kEmbedding) {
      value = static_cast<float>(rng.Below(static_cast<std::uint64_t>(first.vocabulary) + 5));
      if (rng.Below(3) == 0) value = 0;
    } else if (observation.kind == ElementKind::kBits) {
      value = rng.Below(5) == 0 ? 1.0F : 0.0F;
    } else if (observation.kind == ElementKind::kUnitBytes) {
      value = static_cast<float>(rng.Below(256)) / 255.0F;
    } else {
      value = static_cast<float>(4 * rng.Uniform() - 2);
    }
  }
  // A text of padding alone.
  if (first.kind == Kind::kEmbedding) std::fill_n(values.begin(), observation.Elements(), 0.0F);
  return values;
}

std::vector<float> NativeQValues(const NetworkSpec& network, const std::vector<float>& parameters,
                                 const std::vector<float>& observations) {
  NativeNetwork native(network);
  native.SetParameters(parameters);
  const std::int64_t batch = std::ssize(observations) / network.Observation().Elements();
  std::vector<float> q(static_cast<std::size_t>(batch * network.NumActions()));
  native.ForwardFloats(observations, batch, q);
  return q;
}

double LargestDifference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double off = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    largest = std::max(largest, std::isnan(off) ? std::numeric_limits<double>::infinity() : off);
  }
  return largest;
}

double Magnitude(const std::vector<float>& a) {
  double largest = 1;
  for (const float value : a) largest = std::max(largest, std::abs(static_cast<double>(value)));
  return largest;
}

}  // namespace stillhouse::testing_support
