#include "common/model/network_spec.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const TensorSpec kBreakout{ElementKind::kBits, {4, 10, 10}};
constexpr LayerSpec kConv{.kind = LayerKind::kConv2d, .units = 16, .kernel = 3};
constexpr LayerSpec kRelu{.kind = LayerKind::kRelu};
constexpr LayerSpec kFlatten{.kind = LayerKind::kFlatten};
constexpr LayerSpec kFc{.kind = LayerKind::kLinear, .units = 128};
constexpr LayerSpec kHead{.kind = LayerKind::kQHead};
constexpr LayerSpec kDueling{.kind = LayerKind::kQHead, .dueling = true};

NetworkSpec Teacher() {
  return NetworkSpec::Create({kConv, kRelu, kFlatten, kFc, kRelu, kDueling}, kBreakout, 6);
}

std::string Refusal(std::vector<LayerSpec> layers, const TensorSpec& observation = kBreakout,
                    std::int32_t num_actions = 6) {
  try {
    NetworkSpec::Create(std::move(layers), observation, num_actions);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(NetworkSpecTest, CountsParametersAndMultiplicationsOfTheTeacher) {
  const NetworkSpec spec = Teacher();
  EXPECT_THAT(spec.Shapes(),
              ElementsAre(ElementsAre(16, 8, 8), ElementsAre(16, 8, 8), ElementsAre(1024),
                          ElementsAre(128), ElementsAre(128), ElementsAre(6)));
  // (36 + 1) * 16 + (1024 + 1) * 128 + (128 + 1) * 7
  EXPECT_EQ(spec.ParameterCount(), 592 + 131200 + 903);
  // 64 places * 36 * 16 + 1024 * 128 + 128 * 7
  EXPECT_EQ(spec.Macs(), 36864 + 131072 + 896);
  EXPECT_EQ(spec.ToString(), "conv16k3-relu-flatten-fc128-relu-dueling(6)");
}

TEST(NetworkSpecTest, ListsItsTensorsInTheCanonicalOrder) {
  std::vector<std::string> rows;
  const NetworkSpec spec = Teacher();
  for (const auto& t : spec.Tensors()) {
    std::string row = fmt::format("{}@{}", t.name, t.offset);
    for (const auto size : t.shape) row += fmt::format(" {}", size);
    rows.push_back(row + fmt::format(" /{}", t.fan_in));
  }
  EXPECT_THAT(rows,
              ElementsAre("0.weight@0 16 4 3 3 /36", "0.bias@576 16 /36",
                          "3.weight@592 128 1024 /1024", "3.bias@131664 128 /1024",
                          "value.weight@131792 1 128 /128", "value.bias@131920 1 /128",
                          "advantage.weight@131921 6 128 /128", "advantage.bias@132689 6 /128"));
  const NetworkSpec plain = NetworkSpec::Create({kFlatten, kHead}, kBreakout, 3);
  EXPECT_EQ(plain.Tensors()[0].name, "head.weight");
  EXPECT_EQ(plain.Tensors()[1].name, "head.bias");
}

TEST(NetworkSpecTest, ShowsStrideAndPaddingWhereTheyAreNotTheDefault) {
  LayerSpec layer = kConv;
  layer.stride = 2;
  layer.padding = 1;
  const NetworkSpec spec = NetworkSpec::Create({layer, kFlatten, kHead}, kBreakout, 3);
  EXPECT_EQ(spec.ToString(), "conv16k3s2p1-flatten-q(3)");
  EXPECT_THAT(spec.Shapes()[0], ElementsAre(16, 5, 5));
}

TEST(NetworkSpecTest, RefusesAConvolutionOfAFlatInput) {
  EXPECT_THAT(Refusal({kFlatten, kConv, kHead}),
              AllOf(HasSubstr("layer 1 (conv16k3)"), HasSubstr("[400]"), HasSubstr("image")));
}

TEST(NetworkSpecTest, RefusesAKernelLargerThanTheImage) {
  LayerSpec layer = kConv;
  layer.kernel = 11;
  EXPECT_THAT(Refusal({layer, kFlatten, kHead}),
              AllOf(HasSubstr("layer 0 (conv16k11)"), HasSubstr("[4,10,10]"), HasSubstr("11")));
}

TEST(NetworkSpecTest, RefusesALinearLayerOnAnImage) {
  EXPECT_THAT(Refusal({kConv, kFc, kHead}),
              AllOf(HasSubstr("layer 1 (fc128)"), HasSubstr("[16,8,8]"), HasSubstr("flatten")));
  EXPECT_THAT(Refusal({kConv, kHead}), HasSubstr("flatten"));
}

TEST(NetworkSpecTest, RefusesANetworkWhoseOutputDoesNotFitTheActions) {
  EXPECT_THAT(Refusal({kFlatten, kFc}), AllOf(HasSubstr("6 actions"), HasSubstr("q_head")));
  EXPECT_THAT(Refusal({}), HasSubstr("q_head"));
  EXPECT_THAT(Refusal({kFlatten, kHead, kRelu}), HasSubstr("must be the last layer"));
}

TEST(NetworkSpecTest, RefusesSizesOutOfRange) {
  LayerSpec layer = kConv;
  layer.units = 0;
  EXPECT_THAT(Refusal({layer}), HasSubstr("filters"));
  layer = kConv;
  layer.stride = 0;
  EXPECT_THAT(Refusal({layer}), HasSubstr("stride"));
  layer = kConv;
  layer.padding = 3;
  EXPECT_THAT(Refusal({layer}), HasSubstr("padding"));
  layer = kFc;
  layer.units = -1;
  EXPECT_THAT(Refusal({kFlatten, layer}), HasSubstr("units"));
  EXPECT_THAT(Refusal({kFlatten, kHead}, kBreakout, 0), HasSubstr("actions"));
  EXPECT_THAT(Refusal({kFlatten, kHead}, {ElementKind::kBits, {4, 0, 10}}),
              HasSubstr("observation"));
  EXPECT_THAT(Refusal(std::vector<LayerSpec>(513, kRelu)), HasSubstr("513 layers"));
  layer.units = 65536;
  EXPECT_THAT(Refusal({kFlatten, layer, layer, kHead}), HasSubstr("parameters"));
}

TEST(NetworkSpecTest, RefusesALayerWhoseCostDoesNotFitANumberBeforeItIsMultiplied) {
  // 65536 x 64 x 64 outputs of 2^24 x 64 x 64 products each: 2^64.
  const LayerSpec wide{.kind = LayerKind::kConv2d, .units = 65536, .kernel = 64, .padding = 63};
  EXPECT_THAT(Refusal({wide, {.kind = LayerKind::kFlatten}, {.kind = LayerKind::kQHead}},
                      {ElementKind::kBytes, {1 << 24, 1, 1}}),
              HasSubstr("more than 16777216 elements"));
}

TEST(NetworkSpecTest, SurvivesItsEncoding) {
  ByteWriter out;
  Teacher().Encode(out);
  const auto bytes = out.Take();
  ByteReader in(bytes, "test");
  const NetworkSpec read = NetworkSpec::Decode(in);
  in.ExpectEnd();
  EXPECT_EQ(read, Teacher());
  EXPECT_EQ(read.Fingerprint(), Teacher().Fingerprint());
  EXPECT_NE(
      read.Fingerprint(),
      NetworkSpec::Create({kConv, kRelu, kFlatten, kFc, kRelu, kHead}, kBreakout, 6).Fingerprint());
}

TEST(NetworkSpecTest, AViewIsAPartOfTheObservationAndSurvivesItsEncoding) {
  const TensorSpec both{ElementKind::kFloats, {4 + 2 * 9}};
  const LayerSpec images{.kind = LayerKind::kView, .units = 2, .kernel = 3, .offset = 4};
  const auto spec = NetworkSpec::Create({images, kFlatten, kHead}, both, 2);
  EXPECT_THAT(spec.Shapes()[0], ElementsAre(2, 3, 3));
  EXPECT_EQ(spec.ParameterCount(), 18 * 2 + 2);
  EXPECT_EQ(spec.ToString(), "view2x3x3at4-flatten-q(2)");
  EXPECT_TRUE(spec.NeedsAutograd());
  ByteWriter out;
  spec.Encode(out);
  const auto bytes = out.Take();
  EXPECT_EQ(bytes[0], 3) << "the format";
  ByteReader in(bytes, "test");
  EXPECT_EQ(NetworkSpec::Decode(in), spec);
  in.ExpectEnd();
  LayerSpec beyond = images;
  beyond.offset = 5;
  EXPECT_THAT(Refusal({beyond, kFlatten, kHead}, both, 2),
              HasSubstr("ends at number 23, beyond the observation's 22"));
  EXPECT_THAT(Refusal({kRelu, images, kFlatten, kHead}, both, 2), HasSubstr("the first layer"));
  beyond = {.kind = LayerKind::kView, .units = 0};
  EXPECT_THAT(Refusal({beyond, kHead}, both, 2), HasSubstr("needs channels"));
}

TEST(NetworkSpecTest, RefusesEveryTruncationAndABadNetworkOnTheWire) {
  ByteWriter out;
  Teacher().Encode(out);
  auto bytes = out.Take();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    ByteReader in({bytes.data(), n}, "test");
    EXPECT_THROW(NetworkSpec::Decode(in), WireError) << n;
  }
  // Every byte changed in turn: another valid network or a clear refusal, nothing else.
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    bytes[n] ^= 0x81;
    ByteReader in(bytes, "test");
    try {
      NetworkSpec::Decode(in);
    } catch (const WireError&) {
    }
    bytes[n] ^= 0x81;
  }
}

}  // namespace
}  // namespace stillhouse
