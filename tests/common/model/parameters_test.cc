#include "common/model/parameters.h"

#include <cmath>
#include <limits>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

using testing::HasSubstr;

NetworkSpec Spec(std::int32_t num_actions = 2) {
  return NetworkSpec::Create(
      {{.kind = LayerKind::kLinear, .units = 100}, {.kind = LayerKind::kQHead}},
      {ElementKind::kFloats, {4}}, num_actions);
}

ParameterBlock Block() {
  Rng rng(1);
  return ParameterBlock(Spec(), 7, InitialParameters(Spec(), rng));
}

std::vector<std::uint8_t> Encoded() {
  ByteWriter out;
  Block().Encode(out);
  return out.Take();
}

std::string Refusal(const std::vector<std::uint8_t>& bytes, const NetworkSpec& spec = Spec()) {
  ByteReader in(bytes, "test");
  try {
    ParameterBlock::Decode(in, spec);
  } catch (const WireError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ParameterBlockTest, SurvivesItsEncodingInTheMiddleOfAMessage) {
  ByteWriter out;
  out.Put(std::uint16_t{5});
  Block().Encode(out);
  out.Put(std::uint8_t{9});
  const auto bytes = out.Take();
  EXPECT_EQ(bytes.size(), 3 + Block().EncodedBytes());
  ByteReader in(bytes, "test");
  in.Get<std::uint16_t>();
  const ParameterBlock read = ParameterBlock::Decode(in, Spec());
  EXPECT_EQ(read, Block());
  EXPECT_EQ(read.Version(), 7U);
  EXPECT_EQ(in.Get<std::uint8_t>(), 9);
}

TEST(ParameterBlockTest, RefusesEveryChangedByteAndEveryTruncation) {
  auto bytes = Encoded();
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    bytes[n] ^= 0x40;
    EXPECT_NE(Refusal(bytes), "accepted") << n;
    bytes[n] ^= 0x40;
    EXPECT_NE(Refusal({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)}), "accepted");
  }
  EXPECT_EQ(Refusal(bytes), "accepted");
}

TEST(ParameterBlockTest, NamesWhatIsWrong) {
  auto bytes = Encoded();
  bytes.back() ^= 1;
  EXPECT_THAT(Refusal(bytes), HasSubstr("CRC32C"));
  bytes = Encoded();
  bytes[0] ^= 1;
  EXPECT_THAT(Refusal(bytes), HasSubstr("magic"));
  bytes = Encoded();
  bytes[31] = 0xff;  // count
  EXPECT_THAT(Refusal(bytes), HasSubstr("values"));
  EXPECT_THAT(Refusal(Encoded(), Spec(3)), HasSubstr("another network"));
}

TEST(ParameterBlockTest, RefusesAWrongNumberOfValues) {
  EXPECT_THROW(ParameterBlock(Spec(), 0, std::vector<float>(3)), ShapeError);
}

TEST(AllFiniteTest, FindsInfinityAndNotANumber) {
  std::vector<float> values(1000, std::numeric_limits<float>::max());
  EXPECT_TRUE(AllFinite(values));
  EXPECT_TRUE(AllFinite({}));
  for (const float bad : {std::nanf(""), HUGE_VALF, -HUGE_VALF}) {
    values[777] = bad;
    EXPECT_FALSE(AllFinite(values));
  }
}

TEST(InitialParametersTest, FillsTheRangeOfTheFanInAndNotMore) {
  Rng rng(3);
  const auto spec = Spec();
  const auto values = InitialParameters(spec, rng);
  ASSERT_EQ(std::ssize(values), spec.ParameterCount());
  for (const auto& tensor : spec.Tensors()) {
    const double bound = 1 / std::sqrt(static_cast<double>(tensor.fan_in));
    double largest = 0, sum = 0;
    for (std::int64_t i = 0; i < tensor.Size(); ++i) {
      const auto value = static_cast<double>(values[static_cast<std::size_t>(tensor.offset + i)]);
      largest = std::max(largest, std::abs(value));
      sum += value;
    }
    EXPECT_LE(largest, bound * (1 + 1e-6)) << tensor.name;
    if (tensor.Size() >= 100) {
      EXPECT_GT(largest, 0.9 * bound) << tensor.name;
      // Six standard deviations of a mean of uniform values: 6 * bound / sqrt(3 n).
      const auto n = static_cast<double>(tensor.Size());
      EXPECT_LT(std::abs(sum / n), 6 * bound / std::sqrt(3 * n)) << tensor.name;
    }
  }
}

TEST(InitialParametersTest, AreTheSameForTheSameSeed) {
  Rng a(5), b(5), c(6);
  const auto first = InitialParameters(Spec(), a);
  EXPECT_EQ(first, InitialParameters(Spec(), b));
  EXPECT_NE(first, InitialParameters(Spec(), c));
}

}  // namespace
}  // namespace stillhouse
