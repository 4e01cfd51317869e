#include "common/export/c_source.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <set>
#include <utility>

#include <fmt/ranges.h>

#include "common/base/error.h"
#include "common/export/c_layers.h"
#include "common/export/scratch_plan.h"

namespace stillhouse {
namespace {

std::int64_t Product(const std::vector<std::int64_t>& shape) {
  std::int64_t product = 1;
  for (const auto size : shape) product *= size;
  return product;
}

/// What one number of the observation says.
const char* Meaning(ElementKind kind) {
  switch (kind) {
    case ElementKind::kBits:
      return "each 0 or 1";
    case ElementKind::kBytes:
      return "each a whole number, 0 to 255";
    case ElementKind::kFloats:
      return "as the environment gives them";
    case ElementKind::kUnitBytes:
      return "each 0 to 1, in steps of 1/255";
  }
  SH_CHECK(false, "unknown element kind {}", static_cast<int>(kind));
}

/// Round-trip exact, with a point or an exponent, as C wants it.
void AppendFloat(float value, std::string& out) {
  const std::size_t begin = out.size();
  fmt::format_to(std::back_inserter(out), "{:.9g}", value);
  if (out.find_first_of(".e", begin) == std::string::npos) out += ".0";
  out += 'f';
}

template <typename T, typename Append>
void AppendArray(const char* type, const std::string& name, std::span<const T> values,
                 std::size_t per_line, Append&& append, std::string& out) {
  out += fmt::format("static const {} {}[{}] = {{", type, name, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    out += i % per_line == 0 ? "\n    " : " ";
    append(values[i], out);
    if (i + 1 < values.size()) out += ',';
  }
  out += "};\n";
}

void AppendFloats(const std::string& name, std::span<const float> values, std::string& out) {
  AppendArray("float", name, values, 8, AppendFloat, out);
}

/// "0.weight" is weight_0, "value.bias" is bias_value.
std::string ArrayName(const std::string& tensor) {
  const auto dot = tensor.find('.');
  return tensor.substr(dot + 1) + "_" + tensor.substr(0, dot);
}

void AppendTensors(const ExportedModel& model, std::string& out) {
  const auto& tensors = model.network.Tensors();
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    const std::string name = ArrayName(tensors[t].name);
    out += fmt::format("\n/* {} [{}] */\n", tensors[t].name, fmt::join(tensors[t].shape, ","));
    if (model.int8 != nullptr && model.int8->IsInt8(t)) {
      AppendArray(
          "int8_t", name, model.int8->Weights(t), 24,
          [](std::int8_t value, std::string& text) { text += fmt::format("{}", value); }, out);
      AppendFloats("scale" + name.substr(name.find('_')), model.int8->Scales(t), out);
    } else if (model.int8 != nullptr) {
      AppendFloats(name, model.int8->Floats(t), out);
    } else {
      AppendFloats(name,
                   model.parameters.subspan(static_cast<std::size_t>(tensors[t].offset),
                                            static_cast<std::size_t>(tensors[t].Size())),
                   out);
    }
  }
}

std::string PlaceText(const ScratchPlace& place) {
  if (place.memory == ScratchPlace::Memory::kOutput) return "q";
  return fmt::format("{} + {}",
                     place.memory == ScratchPlace::Memory::kScratch ? "scratch" : "observation",
                     place.offset);
}

/// "3.weight" and the like is stored as int8.
bool HasInt8(const ExportedModel& model, const std::string& which) {
  if (model.int8 == nullptr) return false;
  const auto& tensors = model.network.Tensors();
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    if (tensors[t].name == which + ".weight") return model.int8->IsInt8(t);
  }
  return false;
}

/// Writes the calls, one a layer.
class Calls {
 public:
  Calls(const ExportedModel& model, const ScratchPlan& plan) : model_(model), plan_(plan) {}

  std::string Text() const {
    std::string text;
    for (std::size_t i = 0; i < model_.network.Layers().size(); ++i) {
      const LayerSpec& layer = model_.network.Layers()[i];
      const std::string call = Call(i, layer);
      text += fmt::format("  /* {}: [{}] -> [{}] */\n", ToString(layer),
                          fmt::join(model_.network.InputShape(i), ","),
                          fmt::join(model_.network.Shapes()[i], ","));
      if (!call.empty()) text += "  " + call + "\n";
    }
    return text;
  }

 private:
  /// "linear_int8" or "linear", for the layer whose weights are those of `which`.
  std::string Name(const char* function, const std::string& which) const {
    return std::string(function) + (HasInt8(model_, which) ? "_int8" : "");
  }
  /// "weight_3, scale_3" or "weight_3"
  std::string Weight(const std::string& which) const {
    return HasInt8(model_, which) ? fmt::format("weight_{0}, scale_{0}", which) : "weight_" + which;
  }

  std::string Call(std::size_t i, const LayerSpec& layer) const {
    const std::string index = std::to_string(i);
    const std::string in = PlaceText(plan_.layers[i].in);
    const std::string out = PlaceText(plan_.layers[i].out);
    const auto& from = model_.network.InputShape(i);
    const auto& to = model_.network.Shapes()[i];
    const std::int64_t size = Product(to);
    const auto image = [&] { return fmt::format("{}, {}", in, fmt::join(from, ", ")); };
    const auto window = [&] {
      return fmt::format("{}, {}, {}, {}, {}, {}", layer.kernel, layer.stride, layer.padding, to[1],
                         to[2], out);
    };
    const std::string bias = layer.bias ? "bias_" + index : "0";
    switch (layer.kind) {
      case LayerKind::kConv2d:
        return fmt::format("{}({}, {}, {}, {}, {});", Name("conv2d", index), image(), Weight(index),
                           bias, to[0], window());
      case LayerKind::kDepthwise:
        return fmt::format("{}({}, {}, {}, {});", Name("depthwise", index), image(), Weight(index),
                           bias, window());
      case LayerKind::kLinear:
        return fmt::format("{}({}, {}, {}, bias_{}, {}, {});", Name("linear", index), in, from[0],
                           Weight(index), index, to[0], out);
      case LayerKind::kRelu:
        return fmt::format("relu({}, {}, {});", in, size, out);
      case LayerKind::kTanh:
        return fmt::format("tanh_all({}, {}, {});", in, size, out);
      case LayerKind::kMaxPool:
        return fmt::format("max_pool({}, {});", image(), window());
      case LayerKind::kMeanPool:
        return fmt::format("mean_pool({}, {}, {}, {});", in, from[0], from[1] * from[2], out);
      case LayerKind::kNorm:
        return fmt::format("group_norm({}, {}, {}, {}, weight_{}, bias_{}, {});", in, from[0],
                           size / from[0], layer.groups, index, index, out);
      case LayerKind::kEmbedding:
        return fmt::format("{}({}, {}, {}, {}, {}, {});", Name("embedding", index), in, from[0],
                           Weight(index), layer.vocabulary, layer.units, out);
      case LayerKind::kJoin:
        return fmt::format("add({}, {}, {}, {});", in, PlaceText(plan_.layers[i].other), size, out);
      case LayerKind::kQHead:
        return HeadCall(layer, in, from[0]);
      case LayerKind::kFlatten:
      case LayerKind::kView:
      case LayerKind::kResidual:
      case LayerKind::kShortcut:
        return "";  // nothing moves
    }
    SH_CHECK(false, "unknown layer kind {}", static_cast<int>(layer.kind));
  }

  std::string HeadCall(const LayerSpec& layer, const std::string& in, std::int64_t inputs) const {
    const auto linear = [&](const char* which, std::int64_t outputs, const char* out) {
      return fmt::format("{}({}, {}, {}, bias_{}, {}, {});", Name("linear", which), in, inputs,
                         Weight(which), which, outputs, out);
    };
    const std::int32_t actions = model_.network.NumActions();
    if (!layer.dueling) return linear("head", actions, "q");
    return fmt::format("{}\n  {}\n  dueling(value, {}, q);", linear("value", 1, "&value"),
                       linear("advantage", actions, "q"), actions);
  }

  const ExportedModel& model_;
  const ScratchPlan& plan_;
};

std::string UpperCase(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string Header(const ExportedModel& model, const std::string& prefix, std::int64_t scratch) {
  const NetworkSpec& network = model.network;
  const TensorSpec& observation = network.Observation();
  std::string sentence = "the greatest, the first of equals.";
  if (observation.masked_actions != 0) sentence += " The network does not know the mask.";
  return fmt::format(
      R"(/* {1}: a network of {2} parameters{3}, written by Stillhouse {4}. Do not edit.
 * {5}
 */
#ifndef {0}_H
#define {0}_H

#include <stdint.h>

#define {0}_OBSERVATION {6} /* numbers: [{7}], row-major, {8} */
#define {0}_ACTIONS {9}
#define {0}_SCRATCH {10} /* floats */

#ifdef __cplusplus
extern "C" {{
#endif

/* observation [{0}_OBSERVATION] -> q [{0}_ACTIONS], one value an action. scratch
 * [{0}_SCRATCH] may hold anything before and holds nothing of use afterwards. Calls with
 * scratch memory of their own may run beside each other. */
void {11}_q(const float *observation, float *q, float *scratch);

/* The action to take: that of {12}
 * legal [{0}_ACTIONS]: 0 rules an action out; a null pointer: all are allowed. -1 when none is. */
int32_t {11}_action(const float *q, const unsigned char *legal);

#ifdef __cplusplus
}}
#endif

#endif
)",
      UpperCase(prefix), model.name, network.ParameterCount(),
      model.int8 == nullptr ? "" : ", weights of 8 bits", model.version, network.ToString(),
      observation.Elements(), fmt::join(observation.shape, ","), Meaning(observation.kind),
      network.NumActions(), std::max<std::int64_t>(scratch, 1), prefix, sentence);
}

/// The functions of the layers that the network has, each once.
std::string Functions(const ExportedModel& model) {
  std::set<std::pair<LayerKind, bool>> functions;
  for (std::size_t i = 0; i < model.network.Layers().size(); ++i) {
    const LayerSpec& layer = model.network.Layers()[i];
    const LayerKind kind = CFunctionKind(layer.kind);
    if (layer.kind != LayerKind::kQHead) {
      functions.emplace(kind, HasInt8(model, std::to_string(i)));
    } else if (layer.dueling) {
      functions.emplace(kind, HasInt8(model, "value"));
      functions.emplace(kind, HasInt8(model, "advantage"));
    } else {
      functions.emplace(kind, HasInt8(model, "head"));
    }
  }
  std::string text;
  for (const auto& [kind, int8] : functions) text += CLayerFunction(kind, int8);
  if (model.network.Layers().back().dueling) text += CDuelingFunction();
  return text;
}

bool NeedsMath(const NetworkSpec& network) {
  for (const LayerSpec& layer : network.Layers()) {
    if (layer.kind == LayerKind::kTanh || layer.kind == LayerKind::kNorm) return true;
  }
  return false;
}

}  // namespace

std::string CIdentifier(const std::string& name) {
  std::string text;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    text += letter || (c >= '0' && c <= '9') ? c : '_';
  }
  if (text.empty() || text[0] == '_' || (text[0] >= '0' && text[0] <= '9')) text.insert(0, "m");
  return text;
}

CSource WriteCSource(const ExportedModel& model) {
  const NetworkSpec& network = model.network;
  if (network.ParameterCount() > kMostCParameters) {
    throw ConfigError(
        fmt::format("{}: {} parameters are too many for a C source, at most {}; onnx "
                    "has no such limit",
                    model.name, network.ParameterCount(), kMostCParameters));
  }
  const std::string prefix = CIdentifier(model.name);
  const ScratchPlan plan = PlanScratch(network);
  std::string source = fmt::format("/* See {0}.h. */\n#include \"{0}.h\"\n", model.name);
  if (NeedsMath(network)) source += "\n#include <math.h>\n";
  AppendTensors(model, source);
  source += Functions(model);
  source +=
      fmt::format("\nvoid {}_q(const float *observation, float *q, float *scratch) {{\n", prefix);
  if (network.Layers().back().dueling) source += "  float value;\n";
  source += "  (void)scratch;\n";
  source += Calls(model, plan).Text();
  source += fmt::format(R"(}}

int32_t {0}_action(const float *q, const unsigned char *legal) {{
  int32_t a, best = -1;
  for (a = 0; a < {1}; ++a) {{
    if (legal && !legal[a]) continue;
    if (best < 0 || q[a] > q[best]) best = a;
  }}
  return best;
}}
)",
                        prefix, network.NumActions());
  return {Header(model, prefix, plan.floats), std::move(source)};
}

}  // namespace stillhouse
