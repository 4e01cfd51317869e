// One node or a few for each layer; the parameters are initializers with the names of the canonical
// table ("0.weight"). int8: "0.weight" is then the output of DequantizeLinear("0.weight.int8",
// "0.weight.scale", "0.weight.zero"). https://onnx.ai/onnx/operators has the operators.
#include "common/export/onnx_model.h"

#include <utility>
#include <vector>

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

using Names = std::vector<std::string>;
using Sizes = std::vector<std::int64_t>;

constexpr float kNormEpsilon = 1e-5F;  // the native backend's

class GraphWriter {
 public:
  GraphWriter(const ExportedModel& model, onnx::GraphProto& graph) : model_(model), graph_(graph) {}

  void Write() {
    const NetworkSpec& network = model_.network;
    graph_.set_name(model_.name);
    Describe(*graph_.add_input(), "observation", network.Observation().shape);
    Describe(*graph_.add_output(), "q", {network.NumActions()});
    AddParameters();
    current_ = "observation";
    for (std::size_t i = 0; i < network.Layers().size(); ++i) {
      index_ = i;
      AddLayer(network.Layers()[i], network.InputShape(i), network.Shapes()[i]);
    }
  }

 private:
  static void Describe(onnx::ValueInfoProto& info, const char* name, const Sizes& shape) {
    info.set_name(name);
    auto& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    type.mutable_shape()->add_dim()->set_dim_param("batch");
    for (const auto size : shape) type.mutable_shape()->add_dim()->set_dim_value(size);
  }

  template <typename T>
  std::string Initializer(const std::string& name, onnx::TensorProto::DataType type,
                          const Sizes& shape, std::span<const T> values) {
    auto& tensor = *graph_.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const auto size : shape) tensor.add_dims(size);
    tensor.set_raw_data(values.data(), values.size_bytes());
    return name;
  }
  std::string Floats(const std::string& name, const Sizes& shape, std::span<const float> values) {
    return Initializer(name, onnx::TensorProto::FLOAT, shape, values);
  }
  std::string Integers(const std::string& name, const Sizes& values) {
    return Initializer(name, onnx::TensorProto::INT64, {std::ssize(values)},
                       std::span<const std::int64_t>(values));
  }
  std::string Scalar(const std::string& name, float value) {
    return Floats(name, {}, std::span(&value, 1));
  }

  void AddParameters() {
    const auto& tensors = model_.network.Tensors();
    for (std::size_t t = 0; t < tensors.size(); ++t) {
      const TensorEntry& entry = tensors[t];
      if (model_.int8 == nullptr) {
        Floats(entry.name, entry.shape,
               model_.parameters.subspan(static_cast<std::size_t>(entry.offset),
                                         static_cast<std::size_t>(entry.Size())));
      } else if (!model_.int8->IsInt8(t)) {
        Floats(entry.name, entry.shape, model_.int8->Floats(t));
      } else {
        const std::vector<std::int8_t> zeros(static_cast<std::size_t>(entry.shape[0]), 0);
        auto& node = Node("DequantizeLinear",
                          {Initializer(entry.name + ".int8", onnx::TensorProto::INT8, entry.shape,
                                       model_.int8->Weights(t)),
                           Floats(entry.name + ".scale", {entry.shape[0]}, model_.int8->Scales(t)),
                           Initializer(entry.name + ".zero", onnx::TensorProto::INT8,
                                       {entry.shape[0]}, std::span<const std::int8_t>(zeros))},
                          entry.name);
        Set(node, "axis", std::int64_t{0});
      }
    }
  }

  onnx::NodeProto& Node(const char* operation, const Names& inputs, const std::string& output) {
    auto& node = *graph_.add_node();
    node.set_op_type(operation);
    node.set_name(output + ":" + operation);
    for (const auto& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }
  static onnx::AttributeProto& Attribute(onnx::NodeProto& node, const char* name,
                                         onnx::AttributeProto::AttributeType type) {
    auto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(type);
    return attribute;
  }
  static void Set(onnx::NodeProto& node, const char* name, std::int64_t value) {
    Attribute(node, name, onnx::AttributeProto::INT).set_i(value);
  }
  static void Set(onnx::NodeProto& node, const char* name, float value) {
    Attribute(node, name, onnx::AttributeProto::FLOAT).set_f(value);
  }
  static void Set(onnx::NodeProto& node, const char* name, const Sizes& values) {
    auto& attribute = Attribute(node, name, onnx::AttributeProto::INTS);
    for (const auto value : values) attribute.add_ints(value);
  }

  /// "3.mean": a value or a constant of the present layer.
  std::string Local(const char* what) const { return fmt::format("{}.{}", index_, what); }
  std::string Weight() const { return Local("weight"); }
  std::string Bias() const { return Local("bias"); }

  /// A node of the present layer, the last one; the layers after it take its output.
  onnx::NodeProto& Last(const char* operation, Names inputs) {
    const bool end = index_ + 1 == model_.network.Layers().size();
    const std::string output = end ? "q" : Local("out");
    current_ = output;
    return Node(operation, inputs, output);
  }
  /// A node in between; the name of its output.
  std::string Inner(const char* operation, const Names& inputs, const char* what) {
    return Node(operation, inputs, Local(what)).output(0);
  }

  void AddLayer(const LayerSpec& layer, const Sizes& from, const Sizes& to) {
    switch (layer.kind) {
      case LayerKind::kConv2d:
        return AddConv(layer, 1);
      case LayerKind::kDepthwise:
        return AddConv(layer, from[0]);
      case LayerKind::kLinear:
        return Gemm(Last("Gemm", {current_, Weight(), Bias()}));
      case LayerKind::kRelu:
        Last("Relu", {current_});
        return;
      case LayerKind::kTanh:
        Last("Tanh", {current_});
        return;
      case LayerKind::kFlatten:
        Set(Last("Flatten", {current_}), "axis", std::int64_t{1});
        return;
      case LayerKind::kMaxPool:
        return SetWindow(layer, Last("MaxPool", {current_}));
      case LayerKind::kMeanPool:
        Set(Last("Flatten", {Inner("GlobalAveragePool", {current_}, "mean")}), "axis",
            std::int64_t{1});
        return;
      case LayerKind::kNorm:
        return AddNorm(layer, from);
      case LayerKind::kEmbedding:
        return AddEmbedding(layer);
      case LayerKind::kView:
        return AddView(layer, to);
      case LayerKind::kResidual:
        kept_.push_back(current_);
        return;
      case LayerKind::kShortcut:
        std::swap(kept_.back(), current_);
        return;
      case LayerKind::kJoin:
        Last("Add", {current_, kept_.back()});
        kept_.pop_back();
        return;
      case LayerKind::kQHead:
        return AddHead(layer);
    }
    SH_CHECK(false, "unknown layer kind {}", static_cast<int>(layer.kind));
  }

  static void Gemm(onnx::NodeProto& node) { Set(node, "transB", std::int64_t{1}); }

  static void SetWindow(const LayerSpec& layer, onnx::NodeProto& node) {
    Set(node, "kernel_shape", Sizes{layer.kernel, layer.kernel});
    Set(node, "strides", Sizes{layer.stride, layer.stride});
    Set(node, "pads", Sizes(4, layer.padding));
  }

  void AddConv(const LayerSpec& layer, std::int64_t groups) {
    Names inputs = {current_, Weight()};
    if (layer.bias) inputs.push_back(Bias());
    auto& node = Last("Conv", inputs);
    SetWindow(layer, node);
    Set(node, "group", groups);
  }

  void AddHead(const LayerSpec& layer) {
    if (!layer.dueling) return Gemm(Last("Gemm", {current_, "head.weight", "head.bias"}));
    auto& value = Node("Gemm", {current_, "value.weight", "value.bias"}, "value");
    Gemm(value);
    auto& advantage = Node("Gemm", {current_, "advantage.weight", "advantage.bias"}, "advantage");
    Gemm(advantage);
    auto& mean = Node("ReduceMean", {"advantage"}, "advantage.mean");
    Set(mean, "axes", Sizes{1});
    Last("Sub", {Inner("Add", {"value", "advantage"}, "sum"), "advantage.mean"});
  }

  /// Opset 13 has no group normalisation: each group as one channel of InstanceNormalization.
  void AddNorm(const LayerSpec& layer, const Sizes& shape) {
    const auto groups = static_cast<std::size_t>(layer.groups);
    const std::vector<float> ones(groups, 1), zeros(groups, 0);
    const std::string grouped =
        Inner("Reshape", {current_, Integers(Local("groups"), {0, layer.groups, -1})}, "grouped");
    auto& norm = Node("InstanceNormalization",
                      {grouped, Floats(Local("ones"), {layer.groups}, ones),
                       Floats(Local("zeros"), {layer.groups}, zeros)},
                      Local("normal"));
    Set(norm, "epsilon", kNormEpsilon);
    Sizes whole = {0}, channels = {shape[0]};
    whole.insert(whole.end(), shape.begin(), shape.end());
    channels.insert(channels.end(), shape.size() - 1, 1);
    const std::string normal =
        Inner("Reshape", {norm.output(0), Integers(Local("shape"), whole)}, "whole");
    const std::string per_channel = Integers(Local("channels"), channels);
    const std::string scale = Inner("Reshape", {Weight(), per_channel}, "scale");
    const std::string offset = Inner("Reshape", {Bias(), per_channel}, "offset");
    Last("Add", {Inner("Mul", {normal, scale}, "scaled"), offset});
  }

  /// The mean of the tokens' vectors; what is no token of 1 to vocabulary - 1 has no share in it.
  void AddEmbedding(const LayerSpec& layer) {
    const std::string tokens = current_;
    const std::string valid =
        Inner("And",
              {Inner("GreaterOrEqual", {tokens, Scalar(Local("first"), 1)}, "from"),
               Inner("Less", {tokens, Scalar(Local("end"), static_cast<float>(layer.vocabulary))},
                     "below")},
              "valid");
    const std::string there =
        Inner("Where", {valid, tokens, Scalar(Local("padding"), 0)}, "tokens");
    auto& whole = Node("Cast", {there}, Local("numbers"));
    Set(whole, "to", std::int64_t{onnx::TensorProto::INT64});
    const std::string vectors = Inner("Gather", {Weight(), whole.output(0)}, "vectors");
    auto& mask = Node("Cast", {valid}, Local("mask"));
    Set(mask, "to", std::int64_t{onnx::TensorProto::FLOAT});
    const std::string weights =
        Inner("Unsqueeze", {mask.output(0), Integers(Local("last_axis"), {2})}, "mask_of_vectors");
    const std::string axis = Integers(Local("length_axis"), {1});
    auto& sum =
        Node("ReduceSum", {Inner("Mul", {vectors, weights}, "valid_vectors"), axis}, Local("sum"));
    Set(sum, "keepdims", std::int64_t{0});
    auto& count = Node("ReduceSum", {mask.output(0), axis}, Local("count"));
    const std::string one = Scalar(Local("one"), 1);
    Last("Div", {sum.output(0), Inner("Max", {count.output(0), one}, "at_least_one")});
  }

  void AddView(const LayerSpec& layer, const Sizes& to) {
    auto& flat = Node("Flatten", {current_}, Local("flat"));
    Set(flat, "axis", std::int64_t{1});
    std::int64_t size = 1;
    Sizes shape = {0};
    for (const auto extent : to) {
      size *= extent;
      shape.push_back(extent);
    }
    const std::string part =
        Inner("Slice",
              {flat.output(0), Integers(Local("begin"), {layer.offset}),
               Integers(Local("end"), {layer.offset + size}), Integers(Local("axis"), {1})},
              "part");
    Last("Reshape", {part, Integers(Local("shape"), shape)});
  }

  const ExportedModel& model_;
  onnx::GraphProto& graph_;
  std::size_t index_ = 0;
  std::string current_;  ///< what the next layer takes
  Names kept_;           ///< of the open residual blocks
};

}  // namespace

std::string WriteOnnx(const ExportedModel& model) {
  onnx::ModelProto proto;
  proto.set_ir_version(kOnnxIrVersion);
  proto.set_producer_name("stillhouse");
  proto.set_producer_version(model.version);
  proto.set_doc_string(model.network.ToString());
  auto& opset = *proto.add_opset_import();
  opset.set_domain("");
  opset.set_version(kOnnxOpset);
  GraphWriter(model, *proto.mutable_graph()).Write();
  std::string bytes;
  if (!proto.SerializeToString(&bytes)) {
    throw ConfigError(fmt::format("{}: too large for ONNX's 2 GiB", model.name));
  }
  return bytes;
}

}  // namespace stillhouse
