#include "common/base/action_mask.h"

#include <algorithm>
#include <array>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

using Flags = std::vector<std::uint8_t>;

/// Ten actions: a mask of two bytes behind three of elements.
const TensorSpec kMasked{ElementKind::kBytes, {3}, 10};

TEST(ActionMaskTest, AMaskLiesBehindTheElementsWithTheFirstActionInTheLowestBit) {
  std::vector<std::uint8_t> packed(5, 0xff);
  WriteActionMask(kMasked, Flags{1, 0, 0, 0, 0, 0, 0, 0, 0, 1}, packed);
  EXPECT_EQ(packed, (std::vector<std::uint8_t>{0xff, 0xff, 0xff, 0b1, 0b10}));
}

TEST(ActionMaskTest, FlagsOfSeveralRowsComeBack) {
  const Flags first = {1, 0, 1, 0, 0, 0, 0, 0, 1, 0};
  const Flags second = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  std::vector<std::uint8_t> packed(10);
  WriteActionMask(kMasked, first, std::span(packed).first(5));
  WriteActionMask(kMasked, second, std::span(packed).subspan(5));
  const auto legal = LegalActions(kMasked, packed);
  ASSERT_EQ(legal.size(), 20U);
  EXPECT_TRUE(std::ranges::equal(LegalOf(legal, 0, 10), first));
  EXPECT_TRUE(std::ranges::equal(LegalOf(legal, 1, 10), second));
}

TEST(ActionMaskTest, WithoutAMaskThereAreNoFlags) {
  const std::vector<std::uint8_t> packed(6);
  const auto legal = LegalActions({ElementKind::kBytes, {3}}, packed);
  EXPECT_TRUE(legal.empty());
  EXPECT_TRUE(LegalOf(legal, 1, 10).empty());
}

TEST(ActionMaskTest, AMaskWithoutAnyBitRestrictsNothing) {
  const std::vector<std::uint8_t> packed(5, 0);
  EXPECT_EQ(LegalActions(kMasked, packed), Flags(10, 1));
}

TEST(ActionMaskDeathTest, NobodyWritesAMaskWithoutAnyBit) {
  std::vector<std::uint8_t> packed(5);
  EXPECT_DEATH(WriteActionMask(kMasked, Flags(10, 0), packed), "no action is legal");
  EXPECT_DEATH(WriteActionMask(kMasked, Flags(9, 1), packed), "9 flags and 5 bytes");
}

TEST(ActionMaskTest, TheGreedyActionIsTheFirstOfTheGreatestLegalValues) {
  const std::vector<float> q = {1, 5, 3, 3};
  EXPECT_EQ(GreedyAction(std::span(q)), 1U);
  EXPECT_EQ(GreedyAction<float>(q, Flags{1, 0, 1, 1}), 2U);
  EXPECT_EQ(GreedyAction<float>(q, Flags{1, 0, 0, 0}), 0U);
  EXPECT_EQ(GreedyAction<float>(q, Flags{0, 0, 0, 0}), 4U);
}

TEST(ActionMaskTest, RandomActionsAreUniformOverTheLegalOnes) {
  Rng rng(1);
  std::array<int, 4> counts{};
  for (int i = 0; i < 30000; ++i) ++counts[RandomAction(4, Flags{0, 1, 0, 1}, rng)];
  EXPECT_EQ(counts[0] + counts[2], 0);
  EXPECT_NEAR(counts[1], 15000, 500);  // 5.8 standard deviations
  Rng one(7), other(7);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(RandomAction(6, {}, one), other.Below(6));
}

}  // namespace
}  // namespace stillhouse
