#include "common/model/transfer.h"

#include <algorithm>
#include <optional>

#include <fmt/ranges.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

/// "3.weight" -> "3": the layer that a tensor belongs to. The streams of a dueling head are layers
/// of their own.
std::string LayerOf(const TensorEntry& tensor) {
  return tensor.name.substr(0, tensor.name.rfind('.'));
}

/// Of the layer with this name; nullopt for parts of the head.
std::optional<LayerKind> KindOf(const NetworkSpec& spec, const std::string& layer) {
  if (layer.empty() || layer.find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  return spec.Layers().at(std::stoul(layer)).kind;
}

/// Why the layer cannot be taken; empty: it can.
std::string WhyNot(const NetworkSpec& from, const NetworkSpec& to, const std::string& layer) {
  bool seen = false;
  for (const TensorEntry& tensor : to.Tensors()) {
    if (LayerOf(tensor) != layer) continue;
    const auto other =
        std::find_if(from.Tensors().begin(), from.Tensors().end(),
                     [&](const TensorEntry& entry) { return entry.name == tensor.name; });
    if (other == from.Tensors().end()) {
      return seen ? "another kind of layer there" : "nothing of this name there";
    }
    if (KindOf(from, layer) != KindOf(to, layer)) return "another kind of layer there";
    if (other->shape != tensor.shape) {
      return fmt::format("[{}], there [{}]", fmt::join(tensor.shape, ","),
                         fmt::join(other->shape, ","));
    }
    seen = true;
  }
  return {};
}

void Copy(const NetworkSpec& from, std::span<const float> parameters, const TensorEntry& tensor,
          std::vector<float>& out) {
  const auto other =
      std::find_if(from.Tensors().begin(), from.Tensors().end(),
                   [&](const TensorEntry& entry) { return entry.name == tensor.name; });
  const auto values = parameters.subspan(static_cast<std::size_t>(other->offset),
                                         static_cast<std::size_t>(other->Size()));
  std::copy(values.begin(), values.end(), out.begin() + tensor.offset);
}

}  // namespace

Transferred TransferParameters(const NetworkSpec& from, std::span<const float> parameters,
                               const NetworkSpec& to, std::vector<float> initial) {
  SH_CHECK(parameters.size() == static_cast<std::size_t>(from.ParameterCount()) &&
               initial.size() == static_cast<std::size_t>(to.ParameterCount()),
           "{} and {} parameters", parameters.size(), initial.size());
  Transferred result{std::move(initial), {}, {}};
  std::string last;
  bool taking = false;
  for (const TensorEntry& tensor : to.Tensors()) {
    const std::string layer = LayerOf(tensor);
    if (layer != last) {
      last = layer;
      const std::string why = WhyNot(from, to, layer);
      taking = why.empty();
      if (taking) {
        result.layers.push_back(layer);
      } else {
        result.fresh.push_back(layer + " " + why);
      }
    }
    if (taking) Copy(from, parameters, tensor, result.parameters);
  }
  return result;
}

}  // namespace stillhouse
