#include "common/base/tensor_spec.h"

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

TEST(TensorSpecTest, CountsElementsAndPackedBytes) {
  EXPECT_EQ((TensorSpec{ElementKind::kBits, {4, 10, 10}}).PackedBytes(), 50);
  EXPECT_EQ((TensorSpec{ElementKind::kBits, {3, 3}}).PackedBytes(), 2);  // 9 bits
  EXPECT_EQ((TensorSpec{ElementKind::kBytes, {4, 84, 84}}).PackedBytes(), 28224);
  EXPECT_EQ((TensorSpec{ElementKind::kFloats, {4}}).PackedBytes(), 16);
  EXPECT_EQ((TensorSpec{ElementKind::kFloats, {2, 3}}).Elements(), 6);
}

TEST(TensorSpecTest, NamesItself) {
  EXPECT_EQ((TensorSpec{ElementKind::kBits, {4, 10, 10}}).ToString(), "bits[4,10,10]");
}

TEST(TensorSpecTest, AMaskTakesABitAnActionBehindTheElements) {
  const TensorSpec spec{ElementKind::kBits, {4, 10, 10}, 6};
  EXPECT_EQ(spec.ElementBytes(), 50);
  EXPECT_EQ(spec.PackedBytes(), 51);
  EXPECT_EQ((TensorSpec{ElementKind::kBits, {4, 10, 10}, 9}).PackedBytes(), 52);
  EXPECT_EQ(spec.ToString(), "bits[4,10,10] with a mask of 6 actions");
}

TEST(TensorSpecTest, AMaskIsWrittenAndNothingElseIsWrittenOtherwise) {
  const auto bytes_of = [](const TensorSpec& spec) {
    ByteWriter out;
    spec.Encode(out);
    return out.Take();
  };
  const TensorSpec plain{ElementKind::kFloats, {2}}, masked{ElementKind::kFloats, {2}, 3};
  auto bytes = bytes_of(plain);
  ASSERT_EQ(bytes.size(), 1U + 4 + 8);
  EXPECT_EQ(bytes[0], 2);
  bytes = bytes_of(masked);
  ASSERT_EQ(bytes.size(), 1U + 4 + 8 + 4);
  EXPECT_EQ(bytes[0], 0x82);
  ByteReader in(bytes, "test");
  EXPECT_EQ(TensorSpec::Decode(in), masked);
  for (const auto actions : {std::uint8_t{0}, std::uint8_t{255}}) {  // 255: negative
    for (std::size_t at = bytes.size() - 4; at < bytes.size(); ++at) bytes[at] = actions;
    ByteReader bad(bytes, "test");
    EXPECT_THROW(TensorSpec::Decode(bad), WireError);
  }
}

TEST(TensorSpecTest, RefusesShapesThatAreEmptyNegativeOrTooLarge) {
  for (const std::int64_t size : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 40}) {
    ByteWriter out;
    TensorSpec{ElementKind::kBits, {2, size}}.Encode(out);
    const auto bytes = out.Take();
    ByteReader in(bytes, "test");
    EXPECT_THROW(TensorSpec::Decode(in), WireError) << size;
  }
}

TEST(UnpackTest, TakesBitsFromTheLeastSignificantOn) {
  const TensorSpec spec{ElementKind::kBits, {10}};
  const std::uint8_t packed[] = {0b10000001, 0b00000010};
  float out[10] = {};
  Unpack(spec, packed, out);
  const float expected[10] = {1, 0, 0, 0, 0, 0, 0, 1, 0, 1};
  for (int i = 0; i < 10; ++i) EXPECT_EQ(out[i], expected[i]) << i;
}

TEST(UnpackTest, ReadsBytesAsTheNumbersThatTheyAre) {
  const std::uint8_t packed[] = {0, 255};
  float out[2] = {};
  Unpack({ElementKind::kBytes, {2}}, packed, out);
  EXPECT_EQ(out[0], 0);
  EXPECT_EQ(out[1], 255);
}

TEST(UnpackTest, CopiesFloats) {
  const float values[2] = {1.5F, -2};
  std::uint8_t packed[8];
  std::memcpy(packed, values, sizeof(packed));
  float out[2] = {};
  Unpack({ElementKind::kFloats, {2}}, packed, out);
  EXPECT_EQ(out[0], 1.5F);
  EXPECT_EQ(out[1], -2);
}

EnvironmentSpec Sample() {
  return {.id = "x",
          .observation = {ElementKind::kBytes, {2}},
          .num_actions = 2,
          .action_names = {"a", "b"},
          .canonical_action = {0, 0},
          .time_limit = 5};
}

EnvironmentSpec ThroughBytes(const EnvironmentSpec& spec) {
  ByteWriter out;
  spec.Encode(out);
  const auto bytes = out.Take();
  ByteReader in(bytes, "test");
  return EnvironmentSpec::Decode(in);
}

TEST(EnvironmentSpecTest, ComesBackEqual) { EXPECT_EQ(ThroughBytes(Sample()), Sample()); }

TEST(EnvironmentSpecTest, RefusesActionsThatDoNotFit) {
  EnvironmentSpec none = Sample();
  none.num_actions = 0;
  EXPECT_THROW(ThroughBytes(none), WireError);
  EnvironmentSpec beyond = Sample();
  beyond.canonical_action = {0, 2};
  EXPECT_THROW(ThroughBytes(beyond), WireError);
  EnvironmentSpec masked = Sample();
  masked.observation.masked_actions = 2;
  EXPECT_EQ(ThroughBytes(masked), masked);
  masked.observation.masked_actions = 3;
  EXPECT_THROW(ThroughBytes(masked), WireError);
  EnvironmentSpec few = Sample();
  few.canonical_action = {0};
  EXPECT_THROW(ThroughBytes(few), WireError);
}

}  // namespace
}  // namespace stillhouse
