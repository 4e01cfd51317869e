#include "common/model/quantized_parameters.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <gmock/gmock.h>

#include "common/base/crc32c.h"
#include "common/base/error.h"
#include "tests/support/layer_zoo.h"

namespace stillhouse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing_support::LayerZoo;
using testing_support::ZooParameters;

/// Two actions on two numbers: weights [2, 2], biases [2].
NetworkSpec Tiny() {
  return NetworkSpec::Create({{.kind = LayerKind::kQHead}}, {ElementKind::kFloats, {2}}, 2);
}

std::vector<std::uint8_t> Encoded(const NetworkSpec& network,
                                  const QuantizedParameters& parameters) {
  ByteWriter out;
  parameters.Encode(network, out);
  return out.Take();
}

/// What is said of the bytes when they are refused.
std::string Refusal(std::span<const std::uint8_t> bytes, const NetworkSpec& network) {
  try {
    ByteReader in(bytes, "block");
    QuantizedParameters::Decode(in, network);
  } catch (const WireError& error) {
    return error.what();
  }
  return "(not refused)";
}

/// The checksum over changed bytes.
std::vector<std::uint8_t> Repaired(std::vector<std::uint8_t> bytes) {
  const std::uint32_t crc = Crc32c(std::span(bytes).first(bytes.size() - 4));
  std::memcpy(bytes.data() + bytes.size() - 4, &crc, 4);
  return bytes;
}

TEST(QuantizedParametersTest, EveryOutputHasAScaleOfItsOwn) {
  const auto q = QuantizedParameters::Quantize(
      Tiny(), std::vector<float>{1.27F, -0.5F, 0.003F, 12.7F, 0.1F, -0.2F});
  EXPECT_THAT(q.Weights(0), ElementsAre(127, -50, 0, 127));
  EXPECT_FLOAT_EQ(q.Scales(0)[0], 0.01F);
  EXPECT_FLOAT_EQ(q.Scales(0)[1], 0.1F);
  EXPECT_TRUE(q.Weights(1).empty());
  EXPECT_THAT(q.Floats(1), ElementsAre(0.1F, -0.2F)) << "biases stay as they are";
  EXPECT_EQ(q.Bytes(), 4 + 2 * 4 + 2 * 4);
}

TEST(QuantizedParametersTest, NoWeightIsOffByMoreThanHalfAScale) {
  Rng rng(3);
  for (const auto& [name, network] : LayerZoo()) {
    const auto values = ZooParameters(network, rng);
    const auto q = QuantizedParameters::Quantize(network, values);
    const auto back = q.Dequantize();
    ASSERT_EQ(back.size(), values.size()) << name;
    for (std::size_t t = 0; t < network.Tensors().size(); ++t) {
      const TensorEntry& entry = network.Tensors()[t];
      for (std::int64_t i = 0; i < entry.Size(); ++i) {
        const auto at = static_cast<std::size_t>(entry.offset + i);
        const float bound =
            q.IsInt8(t)
                // 1e-6: the division and the product round.
                ? q.Scales(t)[static_cast<std::size_t>(i / (entry.Size() / entry.shape[0]))] *
                      (0.5F + 127 * 1e-6F)
                : 0;
        EXPECT_LE(std::abs(back[at] - values[at]), bound) << name << " " << entry.name << " " << i;
      }
    }
  }
}

TEST(QuantizedParametersTest, TheSmallestTensorsStayFloat) {
  // 576 + 32768 + 32 + 192 weights: convolution and head are 2.4 % of them.
  const auto game = NetworkSpec::Create({{.kind = LayerKind::kConv2d, .units = 16, .kernel = 3},
                                         {.kind = LayerKind::kRelu},
                                         {.kind = LayerKind::kFlatten},
                                         {.kind = LayerKind::kLinear, .units = 32},
                                         {.kind = LayerKind::kQHead, .dueling = true}},
                                        {ElementKind::kBits, {4, 10, 10}}, 6);
  EXPECT_THAT(TensorsToQuantize(game),
              ElementsAre(false, false, true, false, false, false, false, false));
  // The only one is no small one.
  EXPECT_THAT(TensorsToQuantize(Tiny()), ElementsAre(true, false));
  for (const auto& [name, network] : LayerZoo()) {
    const auto int8 = TensorsToQuantize(network);
    std::int64_t kept = 0, all = 0;
    for (std::size_t t = 0; t < int8.size(); ++t) {
      if (network.Tensors()[t].shape.size() < 2) continue;
      all += network.Tensors()[t].Size();
      if (!int8[t]) kept += network.Tensors()[t].Size();
    }
    EXPECT_LE(static_cast<double>(kept), kFloatShare * static_cast<double>(all)) << name;
  }
}

TEST(QuantizedParametersTest, ZerosAndTheSmallestNumbersAreNoTrouble) {
  const float least = std::numeric_limits<float>::denorm_min();
  const float greatest = std::numeric_limits<float>::max();
  const auto q = QuantizedParameters::Quantize(
      Tiny(), std::vector<float>{least, -least, greatest, -greatest, 0, 0});
  EXPECT_THAT(q.Weights(0), ElementsAre(0, 0, 127, -127));
  for (const float scale : q.Scales(0)) EXPECT_GT(scale, 0);
  EXPECT_THAT(QuantizedParameters::Quantize(Tiny(), std::vector<float>(6, 0)).Dequantize(),
              ::testing::Each(0.0F));
}

TEST(QuantizedParametersTest, QuantizingWhatWasQuantizedChangesNothing) {
  Rng rng(5);
  for (const auto& [name, network] : LayerZoo()) {
    const auto once = QuantizedParameters::Quantize(network, ZooParameters(network, rng));
    const auto twice = QuantizedParameters::Quantize(network, once.Dequantize());
    for (std::size_t t = 0; t < network.Tensors().size(); ++t) {
      EXPECT_TRUE(std::ranges::equal(once.Weights(t), twice.Weights(t))) << name;
    }
  }
}

TEST(QuantizedParametersTest, TheBytesComeBackAsTheyWere) {
  Rng rng(7);
  for (const auto& [name, network] : LayerZoo()) {
    const auto q = QuantizedParameters::Quantize(network, ZooParameters(network, rng));
    const auto bytes = Encoded(network, q);
    EXPECT_EQ(std::ssize(bytes), q.Bytes() + 20 + std::ssize(network.Tensors())) << name;
    ByteReader in(bytes, "block");
    EXPECT_TRUE(QuantizedParameters::IsNext(in));
    EXPECT_EQ(QuantizedParameters::Decode(in, network), q) << name;
    in.ExpectEnd();
  }
}

TEST(QuantizedParametersTest, WhatIsDamagedIsRefusedWithItsReason) {
  const auto q = QuantizedParameters::Quantize(Tiny(), std::vector<float>{1, 2, 3, 4, 5, 6});
  const auto good = Encoded(Tiny(), q);
  ASSERT_EQ(Refusal(good, Tiny()), "(not refused)");
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(Refusal(std::span(good).first(size), Tiny()), "(not refused)") << size;
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    auto bad = good;
    bad[at] ^= 4;
    EXPECT_NE(Refusal(bad, Tiny()), "(not refused)") << at;
  }
  auto bad = good;
  bad[0] = 'x';
  EXPECT_THAT(Refusal(bad, Tiny()), HasSubstr("not a block of int8 parameters"));
  bad = good;
  bad[4] = 9;
  EXPECT_THAT(Refusal(bad, Tiny()), HasSubstr("format 9"));
  EXPECT_THAT(Refusal(good, LayerZoo()[0].network), HasSubstr("another network"));
  const std::size_t scales = 17, weights = scales + 8, kind_of_bias = weights + 4;
  for (const float scale : {0.0F, -1.0F, std::nanf(""), std::numeric_limits<float>::infinity()}) {
    bad = good;
    std::memcpy(bad.data() + scales, &scale, 4);
    EXPECT_THAT(Refusal(Repaired(bad), Tiny()), HasSubstr("head.weight: a scale is")) << scale;
  }
  bad = good;
  bad[kind_of_bias] = 1;
  EXPECT_THAT(Refusal(Repaired(bad), Tiny()), HasSubstr("head.bias: int8, must be float32"));
  bad[kind_of_bias] = 2;
  EXPECT_THAT(Refusal(Repaired(bad), Tiny()), HasSubstr("a flag is 2"));
  bad = good;
  bad[weights] = 0x80;
  EXPECT_THAT(Refusal(Repaired(bad), Tiny()), HasSubstr("a weight is -128"));
}

TEST(QuantizedParametersTest, AnotherNumberOfValuesIsRefused) {
  EXPECT_THROW(QuantizedParameters::Quantize(Tiny(), std::vector<float>(5)), ShapeError);
}

}  // namespace
}  // namespace stillhouse
