// The structure of the models, by ONNX's own checker and shape inference; E6Test runs them.
#include "common/export/onnx_model.h"

#include <gmock/gmock.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include "tests/support/layer_zoo.h"

namespace stillhouse {
namespace {

using testing_support::LayerZoo;
using testing_support::ZooParameters;

onnx::ModelProto Parsed(const std::string& bytes) {
  onnx::ModelProto model;
  EXPECT_TRUE(model.ParseFromString(bytes));
  return model;
}

/// Fails unless the model is valid and its output has the shape [batch, actions].
void ExpectValid(const std::string& name, const std::string& bytes, std::int64_t actions) {
  onnx::ModelProto model = Parsed(bytes);
  EXPECT_EQ(model.ir_version(), 7) << name;
  ASSERT_EQ(model.opset_import_size(), 1);
  EXPECT_EQ(model.opset_import(0).version(), 13);
  ASSERT_NO_THROW(onnx::checker::check_model(model)) << name;
  // Inferred shapes must agree with the one that the model declares: strict mode throws.
  const onnx::ShapeInferenceOptions strict(true, 1, true);
  ASSERT_NO_THROW(
      onnx::shape_inference::InferShapes(model, onnx::OpSchemaRegistry::Instance(), strict))
      << name;
  const auto& q = model.graph().output(0).type().tensor_type().shape();
  ASSERT_EQ(q.dim_size(), 2) << name;
  EXPECT_EQ(q.dim(0).dim_param(), "batch");
  EXPECT_EQ(q.dim(1).dim_value(), actions) << name;
}

TEST(OnnxModelTest, EveryLayerMakesAValidModel) {
  Rng rng(2);
  for (const auto& [name, network] : LayerZoo()) {
    const auto parameters = ZooParameters(network, rng);
    ExpectValid(name, WriteOnnx({name, network, parameters, nullptr, "1.2.3"}),
                network.NumActions());
    const auto int8 = QuantizedParameters::Quantize(network, parameters);
    ExpectValid(name + "_int8", WriteOnnx({name, network, {}, &int8, "1.2.3"}),
                network.NumActions());
  }
}

TEST(OnnxModelTest, TheParametersHaveTheirNamesOfTheCanonicalTable) {
  const NetworkSpec network = LayerZoo().back().network;
  Rng rng(2);
  const auto parameters = ZooParameters(network, rng);
  const auto model = Parsed(WriteOnnx({"game", network, parameters, nullptr, "1.2.3"}));
  EXPECT_EQ(model.producer_name(), "stillhouse");
  EXPECT_EQ(model.producer_version(), "1.2.3");
  EXPECT_EQ(model.graph().name(), "game");
  ASSERT_GE(model.graph().initializer_size(), 1);
  EXPECT_EQ(model.graph().initializer(0).name(), "0.weight");
  EXPECT_EQ(model.graph().initializer(0).raw_data().size(), 576 * sizeof(float));
}

TEST(OnnxModelTest, WeightsOfEightBitsAreStoredAsSuch) {
  const auto network =
      NetworkSpec::Create({{.kind = LayerKind::kLinear, .units = 256}, {.kind = LayerKind::kQHead}},
                          {ElementKind::kFloats, {256}}, 6);
  Rng rng(2);
  const auto parameters = ZooParameters(network, rng);
  const auto int8 = QuantizedParameters::Quantize(network, parameters);
  const auto small = WriteOnnx({"a", network, {}, &int8, "1"});
  const auto large = WriteOnnx({"a", network, parameters, nullptr, "1"});
  EXPECT_LT(static_cast<double>(small.size()), 0.3 * static_cast<double>(large.size()));
  const auto model = Parsed(small);
  EXPECT_EQ(model.graph().node(0).op_type(), "DequantizeLinear");
  EXPECT_EQ(model.graph().node(0).output(0), "0.weight");
  EXPECT_EQ(model.graph().initializer(0).data_type(), onnx::TensorProto::INT8);
  EXPECT_EQ(model.graph().node_size(), 3) << "the head is small: it stays float32";
}

}  // namespace
}  // namespace stillhouse
