#include "actors/env/minatar/board.h"

#include <vector>

#include <gtest/gtest.h>

#include "common/base/rng.h"
#include "common/base/tensor_spec.h"

namespace stillhouse::actors {
namespace {

template <std::size_t C>
void CheckAgainstSingleBits() {
  Rng rng(C);
  std::array<Board, C> channels{};
  std::vector<float> expected;
  for (Board& board : channels) {
    for (int y = 0; y < kBoardSide; ++y) {
      for (int x = 0; x < kBoardSide; ++x) {
        const bool set = rng.Below(3) == 0;
        if (set) board |= Cell(x, y);
        expected.push_back(set ? 1.0F : 0.0F);
      }
    }
  }
  const TensorSpec spec{ElementKind::kBits, {static_cast<std::int64_t>(C), 10, 10}};
  std::vector<std::uint8_t> packed(static_cast<std::size_t>(spec.PackedBytes()), 0xff);
  WriteBoards(channels, packed);
  std::vector<float> found(expected.size());
  Unpack(spec, packed.data(), found.data());
  EXPECT_EQ(found, expected);
}

TEST(BoardTest, ChannelsAreWrittenAsBitsOfTheObservation) {
  CheckAgainstSingleBits<4>();
  CheckAgainstSingleBits<7>();
  CheckAgainstSingleBits<10>();
}

TEST(BoardTest, RowsAndColumnsAreTheirCells) {
  Board row = 0;
  Board column = 0;
  for (int i = 0; i < kBoardSide; ++i) {
    row |= Cell(i, 7);
    column |= Cell(4, i);
  }
  EXPECT_TRUE(Row(7) == row);
  EXPECT_TRUE(Column(4) == column);
  EXPECT_TRUE(Row(2, 0b11) == (Cell(0, 2) | Cell(1, 2)));
}

}  // namespace
}  // namespace stillhouse::actors
