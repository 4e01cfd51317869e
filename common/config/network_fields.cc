#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "common/config/config_fields.h"
#include "common/config/field_reader.h"

namespace stillhouse {
namespace {

// The bounds of NetworkSpec::Create.
constexpr std::size_t kMaxLayers = 512;
constexpr std::size_t kMaxNesting = 8;  // of residual blocks
constexpr double kMaxUnits = 65536;

struct LayerName {
  const char* name;
  LayerKind kind;
  const char* doc;
};
constexpr LayerName kLayers[] = {
    {"conv2d", LayerKind::kConv2d, "Convolution with bias over [channels, rows, columns]."},
    {"linear", LayerKind::kLinear, "Fully connected, with bias; `{linear: 64}`."},
    {"relu", LayerKind::kRelu, "max(x, 0)."},
    {"tanh", LayerKind::kTanh, "Hyperbolic tangent."},
    {"flatten", LayerKind::kFlatten, "Any shape to one dimension."},
    {"max_pool", LayerKind::kMaxPool, "Greatest value of each window of each channel."},
    {"mean_pool", LayerKind::kMeanPool, "Mean over rows and columns, one value a channel."},
    {"depthwise_conv2d", LayerKind::kDepthwise, "Convolution of each channel by itself."},
    {"norm", LayerKind::kNorm,
     "Group normalisation with a scale and an offset a channel (Wu & He 2018); of one observation "
     "alone, so that a batch changes nothing."},
    {"embedding", LayerKind::kEmbedding,
     "Token numbers [length] to the mean of their vectors, padding (0) left out; always first."},
    {"view", LayerKind::kView,
     "A part of an observation that holds several views of a state; always first. The numbers from "
     "`from` on, as [channels], or as images [channels, size, size]."},
    {"residual", LayerKind::kResidual,
     "A block whose input, or what the layers of `shortcut` make of it, is added to its output (He "
     "et al. 2016)."},
    {"q_head", LayerKind::kQHead,
     "Q-values of all actions, always last; dueling: Q = V + A - mean(A) (Wang et al. 2016)."},
};
const std::vector<std::string>& LayersToCome() {
  static const std::vector<std::string> kNames = {"dropout", "c51_head", "quantile_head"};
  return kNames;
}

/// The options of one layer, with the ranges that NetworkSpec::Create allows.
FieldList<LayerSpec> OptionsOf(LayerKind kind) {
  using S = LayerSpec;
  const FieldList<S> window = {
      IntegerField<S>("kernel", &S::kernel, {1, 64}, "Rows = columns of the window."),
      IntegerField<S>("stride", &S::stride, {1, 64}, "Step of the window."),
      IntegerField<S>("padding", &S::padding, {0, 63}, "Zeros on every side.")};
  const Field<S> bias = FlagField<S>("bias", &S::bias, "Add one number a channel.");
  if (kind == LayerKind::kConv2d) {
    return {IntegerField<S>("filters", &S::units, {1, kMaxUnits}, "Output channels."), window[0],
            window[1], window[2], bias};
  }
  if (kind == LayerKind::kDepthwise) return {window[0], window[1], window[2], bias};
  if (kind == LayerKind::kMaxPool) {
    return {
        window[0],
        IntegerField<S>("stride", &S::stride, {1, 64}, "Step of the window; unset: the kernel."),
        IntegerField<S>("padding", &S::padding, {0, 32}, "On every side; never the greatest.")};
  }
  if (kind == LayerKind::kNorm) {
    return {IntegerField<S>("groups", &S::groups, {1, kMaxUnits},
                            "Groups of channels, each with a mean and a variance.")};
  }
  if (kind == LayerKind::kEmbedding) {
    return {IntegerField<S>("vocabulary", &S::vocabulary, {2, 1e6},
                            "Tokens, padding (0) and unknown (1) among them."),
            IntegerField<S>("width", &S::units, {1, kMaxUnits}, "Numbers of a token's vector.")};
  }
  if (kind == LayerKind::kView) {
    return {IntegerField<S>("channels", &S::units, {1, 16777216}, "Numbers, or images."),
            IntegerField<S>("from", &S::offset, {0, 16777216}, "The first number."),
            IntegerField<S>("size", &S::kernel, {0, 64}, "Rows = columns; 0: no images.")};
  }
  if (kind == LayerKind::kQHead) {
    return {FlagField<S>("dueling", &S::dueling, "A value and an advantage stream.")};
  }
  return {};
}

bool IsRequired(const std::string& option) {
  return option == "filters" || option == "kernel" || option == "vocabulary" || option == "width" ||
         option == "channels";
}

/// Reads lists of layers, residual blocks unrolled.
class LayerReader {
 public:
  explicit LayerReader(FieldContext& context) : context_(context) {}

  void ReadList(const ConfigNode& list, const std::string& path, std::size_t depth,
                std::vector<LayerSpec>& layers) {
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      const ConfigNode& node = list.items[i];
      path_ = fmt::format("{}[{}]", path, i);
      const std::string here = path_;
      if (layers.size() >= kMaxLayers) {
        return Fail(node.place, fmt::format("more than {} layers", kMaxLayers));
      }
      const std::size_t before = layers.size();
      Read(node, depth, layers);
      if (layers.size() == before) continue;  // reported
      const bool last = depth == 0 && i + 1 == list.items.size();
      const bool head = layers[before].kind == LayerKind::kQHead;
      path_ = here;
      if (head && !last) Fail(node.place, "q_head must be the last layer");
      if (last && !head) Fail(node.place, "the last layer must be q_head");
    }
  }

 private:
  void Read(const ConfigNode& node, std::size_t depth, std::vector<LayerSpec>& layers) {
    if (node.IsScalar()) return Named(node.text, node.place, ConfigNode{}, depth, layers);
    if (node.kind == ConfigNode::Kind::kMap && node.entries.size() == 1) {
      const auto& [key, place, value] = node.entries[0];
      return Named(key, place, value, depth, layers);
    }
    Fail(node.place,
         "found " + node.Describe() + ", expected one layer: a name, or {name: options}");
  }

  void Named(const std::string& name, const ConfigPlace& place, const ConfigNode& options,
             std::size_t depth, std::vector<LayerSpec>& layers) {
    std::vector<std::string> names;
    for (const LayerName& known : kLayers) {
      if (name == known.name) {
        return known.kind == LayerKind::kResidual ? Residual(place, options, depth, layers)
                                                  : Plain(known, place, options, layers);
      }
      names.emplace_back(known.name);
    }
    const auto& to_come = LayersToCome();
    if (std::find(to_come.begin(), to_come.end(), name) != to_come.end()) {
      return Fail(place,
                  fmt::format("layer '{}' is not supported yet; {}", name, WordsText(names, {})));
    }
    Fail(place, fmt::format("unknown layer '{}'; {}", name.substr(0, 60), Suggest(name, names)));
  }

  void Plain(const LayerName& known, const ConfigPlace& place, const ConfigNode& options,
             std::vector<LayerSpec>& layers) {
    LayerSpec layer;
    layer.kind = known.kind;
    if (known.kind == LayerKind::kMaxPool) layer.stride = 0;
    const std::string path = path_ + "." + known.name;
    const std::size_t before = context_.errors.Size();
    if (known.kind == LayerKind::kLinear) {
      if (options.IsNull()) return Fail(place, "linear needs its outputs: {linear: 64}");
      const auto units = ReadInteger(FieldInput{options, path, context_}, {1, kMaxUnits}, "");
      layer.units = units.value_or(0);
    } else {
      ReadFields(options, path + ".", OptionsOf(known.kind), layer, context_);
    }
    if (context_.errors.Size() != before) return;
    if (layer.stride == 0) layer.stride = layer.kernel;
    if (const std::string missing = Missing(layer); !missing.empty()) return Fail(place, missing);
    const bool window = known.kind == LayerKind::kConv2d || known.kind == LayerKind::kDepthwise ||
                        known.kind == LayerKind::kMaxPool;
    if (window && layer.padding >= layer.kernel) {
      return Fail(place, fmt::format("padding {} must be below the kernel {}", layer.padding,
                                     layer.kernel));
    }
    layers.push_back(layer);
  }

  /// What a layer needs and has not.
  static std::string Missing(const LayerSpec& layer) {
    switch (layer.kind) {
      case LayerKind::kConv2d:
        if (layer.units != 0 && layer.kernel != 0) return "";
        return "conv2d needs filters and kernel: {conv2d: {filters: 16, kernel: 3}}";
      case LayerKind::kDepthwise:
        return layer.kernel != 0 ? "" : "depthwise_conv2d needs a kernel";
      case LayerKind::kMaxPool:
        return layer.kernel != 0 ? "" : "max_pool needs a kernel: {max_pool: {kernel: 2}}";
      case LayerKind::kEmbedding:
        if (layer.units != 0 && layer.vocabulary != 0) return "";
        return "embedding needs vocabulary and width";
      case LayerKind::kView:
        return layer.units != 0 ? "" : "view needs its channels: {view: {channels: 4}}";
      default:
        return "";
    }
  }

  void Residual(const ConfigPlace& place, const ConfigNode& options, std::size_t depth,
                std::vector<LayerSpec>& layers) {
    const std::string path = path_ + ".residual";
    if (depth == kMaxNesting) {
      return Fail(place, fmt::format("more than {} residual blocks in one another", kMaxNesting));
    }
    const ConfigNode* body = nullptr;
    const ConfigNode* shortcut = nullptr;
    if (options.kind == ConfigNode::Kind::kMap) {
      for (const auto& [key, key_place, value] : options.entries) {
        const bool known = key == "layers" || key == "shortcut";
        if (!known || value.kind != ConfigNode::Kind::kList || value.items.empty()) {
          context_.errors.Add(
              key_place, path + "." + key.substr(0, 60),
              known ? "expected a list of layers" : "unknown key; there are layers and shortcut");
          return;
        }
        (key == "layers" ? body : shortcut) = &value;
      }
    }
    if (body == nullptr) {
      return Fail(place, "residual needs its layers: {residual: {layers: [...]}}");
    }
    layers.push_back({.kind = LayerKind::kResidual});
    ReadList(*body, path + ".layers", depth + 1, layers);
    if (shortcut != nullptr) {
      layers.push_back({.kind = LayerKind::kShortcut});
      ReadList(*shortcut, path + ".shortcut", depth + 1, layers);
    }
    layers.push_back({.kind = LayerKind::kJoin});
  }

  void Fail(const ConfigPlace& place, const std::string& message) {
    context_.errors.Add(place, path_, message);
  }

  FieldContext& context_;
  std::string path_;  ///< of the layer that is being read
};

/// Layers from `at` on until the end, or until what ends this list of a residual block.
std::string PrintList(const std::vector<LayerSpec>& layers, std::size_t& at) {
  std::string text;
  for (; at < layers.size(); ++at) {
    const LayerSpec& layer = layers[at];
    if (layer.kind == LayerKind::kShortcut || layer.kind == LayerKind::kJoin) break;
    if (!text.empty()) text += ", ";
    if (layer.kind == LayerKind::kLinear) {
      text += fmt::format("{{linear: {}}}", layer.units);
      continue;
    }
    if (layer.kind == LayerKind::kResidual) {
      text += "{residual: {layers: " + PrintList(layers, ++at);
      if (at < layers.size() && layers[at].kind == LayerKind::kShortcut) {
        text += ", shortcut: " + PrintList(layers, ++at);
      }
      text += "}}";
      continue;
    }
    const auto known = std::find_if(std::begin(kLayers), std::end(kLayers),
                                    [&](const LayerName& name) { return name.kind == layer.kind; });
    std::string options;
    for (const auto& field : OptionsOf(layer.kind)) {
      if (field.path == "bias" && layer.bias) continue;
      options +=
          fmt::format("{}{}: {}", options.empty() ? "" : ", ", field.path, field.print(layer));
    }
    text += options.empty() ? known->name : fmt::format("{{{}: {{{}}}}}", known->name, options);
  }
  return "[" + text + "]";
}

}  // namespace

std::string_view LayerWord(LayerKind kind) {
  const auto* const found =
      std::find_if(std::begin(kLayers), std::end(kLayers),
                   [kind](const LayerName& known) { return known.kind == kind; });
  return found != std::end(kLayers) ? found->name : "";
}

std::vector<LayerSpec> ReadLayers(const FieldInput& in) {
  if (in.node.kind != ConfigNode::Kind::kList || in.node.items.empty() ||
      in.node.items.size() > kMaxLayers) {
    in.FailExpected(fmt::format("a list of 1 to {} layers", kMaxLayers));
    return {};
  }
  std::vector<LayerSpec> layers;
  LayerReader(in.context).ReadList(in.node, in.path, 0, layers);
  return layers;
}

std::string PrintLayers(const std::vector<LayerSpec>& layers) {
  std::size_t at = 0;
  return PrintList(layers, at);
}

std::vector<LayerDoc> LayerDocs() {
  std::vector<LayerDoc> docs;
  const LayerSpec defaults;
  for (const LayerName& known : kLayers) {
    LayerDoc layer{known.name, known.doc, {}};
    if (known.kind == LayerKind::kLinear) {
      layer.options.push_back({"(value)", IntegerText({1, kMaxUnits}, ""), "required", "Outputs."});
    }
    if (known.kind == LayerKind::kResidual) {
      layer.options.push_back({"layers", "list of layers", "required", "The block's own layers."});
      layer.options.push_back({"shortcut", "list of layers", "[]", "Layers of the other path."});
    }
    for (const auto& field : OptionsOf(known.kind)) {
      const bool required = IsRequired(field.path);
      layer.options.push_back(
          {field.path, field.allowed, required ? "required" : field.print(defaults), field.doc});
    }
    docs.push_back(std::move(layer));
  }
  return docs;
}

}  // namespace stillhouse
