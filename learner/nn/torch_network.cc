#include "learner/nn/torch_network.h"

#include <torch/torch.h>

#include "common/base/error.h"

namespace stillhouse::learner {
namespace {

torch::Tensor View(const torch::Tensor& flat, const TensorEntry& entry) {
  return flat.narrow(0, entry.offset, entry.Size()).view(entry.shape);
}

}  // namespace

torch::Tensor UnpackObservations(const TensorSpec& observation, const torch::Tensor& packed) {
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
    case ElementKind::kFloats:
      return packed.contiguous().view(torch::kFloat32).view(shape);
  }
  SH_CHECK(false, "element kind {}", static_cast<int>(observation.kind));
}

torch::Tensor TorchForward(const NetworkSpec& spec, const torch::Tensor& flat,
                           const torch::Tensor& observations) {
  torch::Tensor x = observations;
  auto entry = spec.Tensors().begin();
  const auto next = [&] { return View(flat, *entry++); };
  for (const LayerSpec& layer : spec.Layers()) {
    switch (layer.kind) {
      case LayerKind::kConv2d: {
        const auto weight = next();
        x = torch::conv2d(x, weight, next(), layer.stride, layer.padding);
        break;
      }
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
  }
  return x;
}

}  // namespace stillhouse::learner
