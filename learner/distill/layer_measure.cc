#include "learner/distill/layer_measure.h"

#include <cmath>

#include "common/base/error.h"

namespace stillhouse::learner {
namespace {

/// Where a layer's parameters are in the flat block.
struct Layer {
  std::string name;
  std::size_t first = 0;
  std::size_t size = 0;
};

std::vector<Layer> LayersOf(const NetworkSpec& network) {
  std::vector<Layer> layers;
  for (const TensorEntry& entry : network.Tensors()) {
    std::string name = entry.name.substr(0, entry.name.find('.'));
    if (name == "value" || name == "advantage") name = "head";
    if (layers.empty() || layers.back().name != name) {
      layers.push_back({name, static_cast<std::size_t>(entry.offset), 0});
    }
    layers.back().size += static_cast<std::size_t>(entry.Size());
  }
  return layers;
}

double Dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  return sum;
}

}  // namespace

LayerChanges ChangesOf(const NetworkSpec& network, std::span<const float> before,
                       std::span<const float> after, const std::vector<PartGradient>& parts) {
  SH_CHECK(before.size() == after.size());
  std::vector<float> change(after.begin(), after.end());
  for (std::size_t i = 0; i < change.size(); ++i) change[i] -= before[i];
  LayerChanges changes;
  for (const PartGradient& part : parts) changes.parts.push_back({part.name});
  for (const Layer& layer : LayersOf(network)) {
    const auto moved = std::span<const float>(change).subspan(layer.first, layer.size);
    const double length = std::sqrt(Dot(moved, moved));
    changes.layers.push_back(layer.name);
    changes.change.push_back(static_cast<float>(length));
    for (std::size_t p = 0; p < parts.size(); ++p) {
      const auto gradient =
          std::span<const float>(parts[p].gradient).subspan(layer.first, layer.size);
      const double norm = std::sqrt(Dot(gradient, gradient));
      const double cosine = norm > 0 && length > 0 ? -Dot(gradient, moved) / norm / length : 0;
      changes.parts[p].norm.push_back(static_cast<float>(norm));
      changes.parts[p].cosine.push_back(static_cast<float>(cosine));
    }
  }
  return changes;
}

}  // namespace stillhouse::learner
