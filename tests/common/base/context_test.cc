#include "common/base/context.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "common/base/action_mask.h"
#include "common/base/error.h"

namespace stillhouse {
namespace {

TEST(ContextTest, StandsInTheLastByteBehindElementsAndMask) {
  TensorSpec spec{ElementKind::kBits, {10}};
  EXPECT_EQ(spec.PackedBytes(), 2);
  spec.contexts = 3;
  EXPECT_EQ(spec.PackedBytes(), 3);
  spec.masked_actions = 9;
  EXPECT_EQ(spec.PackedBytes(), 5);
  std::vector<std::uint8_t> rows(10, 0xff);
  const std::span<std::uint8_t> bytes(rows);
  const std::vector<std::uint8_t> legal = {1, 0, 1, 1, 0, 0, 0, 0, 1};
  for (std::size_t row = 0; row < 2; ++row) {
    WriteContext(spec, static_cast<std::uint8_t>(2 - row), bytes.subspan(5 * row, 5));
    WriteActionMask(spec, legal, bytes.subspan(5 * row, 5));
  }
  EXPECT_EQ(rows,
            (std::vector<std::uint8_t>{0xff, 0xff, 0x0d, 0x01, 2, 0xff, 0xff, 0x0d, 0x01, 1}));
  EXPECT_EQ(ContextsOf(spec, rows), (std::vector<std::uint8_t>{2, 1}));
  const auto flags = LegalActions(spec, rows);
  EXPECT_TRUE(std::equal(legal.begin(), legal.end(), flags.begin()));
}

TEST(ContextTest, AnEnvironmentWithoutContextsPaysNothing) {
  const TensorSpec spec{ElementKind::kBytes, {4}};
  EXPECT_EQ(spec.PackedBytes(), 4);
  EXPECT_TRUE(ContextsOf(spec, std::vector<std::uint8_t>(8)).empty());
}

TEST(ContextTest, TheSpecComesBackEqualAndIsRefusedOutOfRange) {
  const auto through = [](const TensorSpec& spec) {
    ByteWriter out;
    spec.Encode(out);
    const auto bytes = out.Take();
    ByteReader in(bytes, "test");
    const TensorSpec back = TensorSpec::Decode(in);
    in.ExpectEnd();
    return back;
  };
  TensorSpec spec{ElementKind::kUnitBytes, {2, 3}};
  for (const std::int32_t masked : {0, 6}) {
    spec.masked_actions = masked;
    spec.contexts = 256;
    EXPECT_EQ(through(spec), spec);
    spec.contexts = 257;
    EXPECT_THROW(through(spec), WireError);
  }
  EXPECT_EQ((TensorSpec{ElementKind::kBits, {4}, 0, 5}.ToString()), "bits[4] of 5 contexts");
}

}  // namespace
}  // namespace stillhouse
