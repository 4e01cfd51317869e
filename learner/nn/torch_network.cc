#include "learner/nn/torch_network.h"

#include <algorithm>
#include <utility>

#include <torch/torch.h>

#include "common/base/error.h"

namespace stillhouse::learner {
namespace {

torch::Tensor View(const torch::Tensor& flat, const TensorEntry& entry) {
  return flat.narrow(0, entry.offset, entry.Size()).view(entry.shape);
}

/// The mean of the rows of `weight` [vocabulary, width] that tokens [B, length] name. Numbers that
/// are no token, padding among them, count for nothing; a row of them alone gives zeros.
torch::Tensor MeanEmbedding(const torch::Tensor& weight, const torch::Tensor& tokens) {
  const auto known = tokens.ge(1).logical_and(tokens.lt(weight.size(0)));
  const auto index = torch::where(known, tokens, torch::zeros_like(tokens)).to(torch::kInt64);
  const auto vectors = torch::embedding(weight, index) * known.unsqueeze(-1);
  return vectors.sum(1) / known.sum(1, /*keepdim=*/true).clamp_min(1);
}

}  // namespace

torch::Tensor UnpackObservations(const TensorSpec& observation, const torch::Tensor& rows) {
  const torch::Tensor packed = rows.narrow(1, 0, observation.ElementBytes());  // without a mask
  std::vector<std::int64_t> shape = observation.shape;
  shape.insert(shape.begin(), packed.size(0));
  switch (observation.kind) {
    case ElementKind::kBits: {
      const auto masks =
          torch::tensor({1, 2, 4, 8, 16, 32, 64, 128}, packed.options().dtype(torch::kUInt8));
      const auto bits = packed.unsqueeze(-1).bitwise_and(masks).ne(0);  // [B, bytes, 8]
      return bits.flatten(1).narrow(1, 0, observation.Elements()).to(torch::kFloat32).view(shape);
    }
    case ElementKind::kBytes:
      return packed.to(torch::kFloat32).view(shape);
    case ElementKind::kUnitBytes:
      return packed.to(torch::kFloat32).div_(255.0F).view(shape);
    case ElementKind::kFloats:
      return packed.contiguous().view(torch::kFloat32).view(shape);
  }
  SH_CHECK(false, "element kind {}", static_cast<int>(observation.kind));
}

torch::Tensor TorchForward(const NetworkSpec& spec, const torch::Tensor& flat,
                           const torch::Tensor& observations,
                           std::map<std::size_t, torch::Tensor>* taps) {
  torch::Tensor x = observations;
  std::size_t index = 0;
  const auto keep = [&](const torch::Tensor& made) {
    if (taps == nullptr) return;
    const auto tap = taps->find(index++);
    if (tap != taps->end()) tap->second = made;
  };
  auto entry = spec.Tensors().begin();
  const auto next = [&] { return View(flat, *entry++); };
  const auto bias = [&](const LayerSpec& layer) { return layer.bias ? next() : torch::Tensor(); };
  std::vector<torch::Tensor> kept;  // of the open residual blocks
  for (const LayerSpec& layer : spec.Layers()) {
    switch (layer.kind) {
      case LayerKind::kConv2d: {
        const auto weight = next();
        x = torch::conv2d(x, weight, bias(layer), layer.stride, layer.padding);
        break;
      }
      case LayerKind::kDepthwise: {
        const auto weight = next();
        x = torch::conv2d(x, weight, bias(layer), layer.stride, layer.padding, /*dilation=*/1,
                          /*groups=*/x.size(1));
        break;
      }
      case LayerKind::kMaxPool:
        x = torch::max_pool2d(x, layer.kernel, layer.stride, layer.padding);
        break;
      case LayerKind::kMeanPool:
        x = x.flatten(2).mean(2);
        break;
      case LayerKind::kNorm: {
        const auto scale = next();
        x = torch::group_norm(x, layer.groups, scale, next());
        break;
      }
      case LayerKind::kEmbedding:
        x = MeanEmbedding(next(), x);
        break;
      case LayerKind::kView: {
        const std::int64_t area = std::max<std::int64_t>(1, layer.kernel * layer.kernel);
        x = x.flatten(1).narrow(1, layer.offset, layer.units * area);
        if (layer.kernel > 0) x = x.reshape({x.size(0), layer.units, layer.kernel, layer.kernel});
        break;
      }
      case LayerKind::kResidual:
        kept.push_back(x);
        break;
      case LayerKind::kShortcut:
        std::swap(kept.back(), x);  // the other path begins where the body did
        break;
      case LayerKind::kJoin:
        x = x + kept.back();
        kept.pop_back();
        break;
      case LayerKind::kLinear: {
        const auto weight = next();
        x = torch::linear(x, weight, next());
        break;
      }
      case LayerKind::kRelu:
        x = torch::relu(x);
        break;
      case LayerKind::kTanh:
        x = torch::tanh(x);
        break;
      case LayerKind::kFlatten:
        x = x.flatten(1);
        break;
      case LayerKind::kQHead: {
        const auto weight = next();
        const auto head = torch::linear(x, weight, next());
        if (!layer.dueling) return head;
        const auto advantage_weight = next();
        const auto advantage = torch::linear(x, advantage_weight, next());
        return head + advantage - advantage.mean(1, /*keepdim=*/true);
      }
    }
    keep(x);
  }
  return x;
}

}  // namespace stillhouse::learner
