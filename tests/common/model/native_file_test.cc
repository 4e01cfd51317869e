#include "common/model/native_file.h"

#include <gmock/gmock.h>

#include "common/base/error.h"
#include "tests/support/layer_zoo.h"

namespace stillhouse {
namespace {

using testing_support::LayerZoo;
using testing_support::ZooParameters;

TEST(NativeFileTest, BothKindsOfWeightsComeBack) {
  Rng rng(1);
  for (const auto& [name, network] : LayerZoo()) {
    const auto values = ZooParameters(network, rng);
    const auto floats =
        DecodeNativeFile(EncodeNativeFile(network, ParameterBlock(network, 3, values)), "file");
    EXPECT_EQ(floats.network, network) << name;
    EXPECT_EQ(floats.parameters, values) << name;
    EXPECT_FALSE(floats.int8);
    const auto q = QuantizedParameters::Quantize(network, values);
    const auto bytes = EncodeNativeFile(network, q);
    const auto int8 = DecodeNativeFile(bytes, "file");
    EXPECT_EQ(int8.network, network) << name;
    EXPECT_EQ(int8.parameters, q.Dequantize()) << name;
    EXPECT_TRUE(int8.int8);
  }
}

TEST(NativeFileTest, Int8FilesAreAQuarter) {
  const auto network =
      NetworkSpec::Create({{.kind = LayerKind::kLinear, .units = 256}, {.kind = LayerKind::kQHead}},
                          {ElementKind::kFloats, {256}}, 6);
  Rng rng(1);
  const auto values = ZooParameters(network, rng);
  const auto floats = EncodeNativeFile(network, ParameterBlock(network, 3, values));
  const auto int8 = EncodeNativeFile(network, QuantizedParameters::Quantize(network, values));
  EXPECT_LT(static_cast<double>(int8.size()), 0.3 * static_cast<double>(floats.size()));
}

TEST(NativeFileTest, BytesTooManyOrTooFewAreRefused) {
  const auto network = LayerZoo()[0].network;
  Rng rng(1);
  auto bytes = EncodeNativeFile(
      network, QuantizedParameters::Quantize(network, ZooParameters(network, rng)));
  bytes.push_back(0);
  EXPECT_THROW(DecodeNativeFile(bytes, "file"), WireError);
  bytes.resize(bytes.size() - 2);
  EXPECT_THROW(DecodeNativeFile(bytes, "file"), WireError);
}

}  // namespace
}  // namespace stillhouse
