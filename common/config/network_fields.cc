#include <algorithm>

#include <fmt/format.h>

#include "common/config/config_fields.h"
#include "common/config/field_reader.h"

namespace stillhouse {
namespace {

// The bounds of NetworkSpec::Create.
constexpr std::size_t kMaxLayers = 64;
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
    {"q_head", LayerKind::kQHead,
     "Q-values of all actions, always last; dueling: Q = V + A - mean(A) (Wang et al. 2016)."},
};
const std::vector<std::string>& LayersToCome() {
  static const std::vector<std::string> kNames = {"depthwise_conv2d", "embedding", "max_pool",
                                                  "mean_pool",        "norm",      "residual",
                                                  "dropout",          "c51_head",  "quantile_head"};
  return kNames;
}

/// The options of one layer, with the ranges that NetworkSpec::Create allows.
FieldList<LayerSpec> OptionsOf(LayerKind kind) {
  using S = LayerSpec;
  if (kind == LayerKind::kConv2d) {
    return {IntegerField<S>("filters", &S::units, {1, kMaxUnits}, "Output channels."),
            IntegerField<S>("kernel", &S::kernel, {1, 64}, "Rows = columns of the window."),
            IntegerField<S>("stride", &S::stride, {1, 64}, "Step of the window."),
            IntegerField<S>("padding", &S::padding, {0, 63}, "Zeros on every side.")};
  }
  if (kind == LayerKind::kQHead) {
    return {FlagField<S>("dueling", &S::dueling, "A value and an advantage stream.")};
  }
  return {};
}

class LayerReader {
 public:
  LayerReader(const FieldInput& in, std::size_t index)
      : context_(in.context), path_(fmt::format("{}[{}]", in.path, index)) {}

  /// nullopt: reported.
  std::optional<LayerSpec> Read(const ConfigNode& node) {
    if (node.IsScalar()) return Named(node.text, node.place, ConfigNode{});
    if (node.kind == ConfigNode::Kind::kMap && node.entries.size() == 1) {
      const auto& [key, place, value] = node.entries[0];
      return Named(key, place, value);
    }
    return Fail(node.place,
                "found " + node.Describe() + ", expected one layer: a name, or {name: options}");
  }

 private:
  std::optional<LayerSpec> Named(const std::string& name, const ConfigPlace& place,
                                 const ConfigNode& options) {
    std::vector<std::string> names;
    for (const LayerName& known : kLayers) {
      if (name == known.name) return Filled(known, place, options);
      names.emplace_back(known.name);
    }
    const auto& to_come = LayersToCome();
    if (std::find(to_come.begin(), to_come.end(), name) != to_come.end()) {
      return Fail(place,
                  fmt::format("layer '{}' is not supported yet; {}", name, WordsText(names, {})));
    }
    return Fail(place,
                fmt::format("unknown layer '{}'; {}", name.substr(0, 60), Suggest(name, names)));
  }

  std::optional<LayerSpec> Filled(const LayerName& known, const ConfigPlace& place,
                                  const ConfigNode& options) {
    LayerSpec layer;
    layer.kind = known.kind;
    const std::string path = path_ + "." + known.name;
    const std::size_t before = context_.errors.Size();
    if (known.kind == LayerKind::kLinear) {
      const Range range{1, kMaxUnits};
      if (options.IsNull()) return Fail(place, "linear needs its outputs: {linear: 64}");
      const auto units = ReadInteger(FieldInput{options, path, context_}, range, "");
      layer.units = units.value_or(0);
    } else {
      ReadFields(options, path + ".", OptionsOf(known.kind), layer, context_);
    }
    if (context_.errors.Size() != before) return std::nullopt;
    if (known.kind == LayerKind::kConv2d && (layer.units == 0 || layer.kernel == 0)) {
      return Fail(place, "conv2d needs filters and kernel: {conv2d: {filters: 16, kernel: 3}}");
    }
    if (known.kind == LayerKind::kConv2d && layer.padding >= layer.kernel) {
      return Fail(place, fmt::format("padding {} must be below the kernel {}", layer.padding,
                                     layer.kernel));
    }
    return layer;
  }

  std::optional<LayerSpec> Fail(const ConfigPlace& place, const std::string& message) {
    context_.errors.Add(place, path_, message);
    return std::nullopt;
  }

  FieldContext& context_;
  const std::string path_;
};

void CheckHeads(const FieldInput& in, const std::vector<LayerSpec>& layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const bool last = i + 1 == layers.size();
    const bool head = layers[i].kind == LayerKind::kQHead;
    if (head == last) continue;
    in.context.errors.Add(in.node.items[i].place, fmt::format("{}[{}]", in.path, i),
                          last ? "the last layer must be q_head" : "q_head must be the last layer");
  }
}

}  // namespace

std::vector<LayerSpec> ReadLayers(const FieldInput& in) {
  if (in.node.kind != ConfigNode::Kind::kList || in.node.items.empty() ||
      in.node.items.size() > kMaxLayers) {
    in.FailExpected(fmt::format("a list of 1 to {} layers", kMaxLayers));
    return {};
  }
  std::vector<LayerSpec> layers;
  for (std::size_t i = 0; i < in.node.items.size(); ++i) {
    if (const auto layer = LayerReader(in, i).Read(in.node.items[i])) layers.push_back(*layer);
  }
  if (layers.size() == in.node.items.size()) CheckHeads(in, layers);
  return layers;
}

std::string PrintLayers(const std::vector<LayerSpec>& layers) {
  std::string text;
  for (const LayerSpec& layer : layers) {
    if (!text.empty()) text += ", ";
    const auto known = std::find_if(std::begin(kLayers), std::end(kLayers),
                                    [&](const LayerName& name) { return name.kind == layer.kind; });
    if (layer.kind == LayerKind::kLinear) {
      text += fmt::format("{{linear: {}}}", layer.units);
      continue;
    }
    std::string options;
    for (const auto& field : OptionsOf(layer.kind)) {
      options +=
          fmt::format("{}{}: {}", options.empty() ? "" : ", ", field.path, field.print(layer));
    }
    text += options.empty() ? known->name : fmt::format("{{{}: {{{}}}}}", known->name, options);
  }
  return "[" + text + "]";
}

std::vector<LayerDoc> LayerDocs() {
  std::vector<LayerDoc> docs;
  const LayerSpec defaults;
  for (const LayerName& known : kLayers) {
    LayerDoc layer{known.name, known.doc, {}};
    if (known.kind == LayerKind::kLinear) {
      layer.options.push_back({"(value)", IntegerText({1, kMaxUnits}, ""), "required", "Outputs."});
    }
    for (const auto& field : OptionsOf(known.kind)) {
      const bool required = field.path == "filters" || field.path == "kernel";
      layer.options.push_back(
          {field.path, field.allowed, required ? "required" : field.print(defaults), field.doc});
    }
    docs.push_back(std::move(layer));
  }
  return docs;
}

}  // namespace stillhouse
