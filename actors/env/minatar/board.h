#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "common/base/error.h"

namespace stillhouse::actors {

/// A 10 x 10 map of booleans: cell (x, y) is bit 10 y + x, the 28 bits above stay zero. So a
/// channel of an observation is one value, moving all pieces is one shift and collisions of two
/// kinds of pieces are one `&`.
__extension__ using Board = unsigned __int128;

inline constexpr int kBoardSide = 10;
inline constexpr int kBoardCells = kBoardSide * kBoardSide;
inline constexpr Board kAllCells = (Board{1} << kBoardCells) - 1;

constexpr Board Cell(int x, int y) { return Board{1} << (kBoardSide * y + x); }

/// Cells of row y whose columns are set in the low ten bits of `columns`.
constexpr Board Row(int y, unsigned columns = 0x3ff) { return Board{columns} << (kBoardSide * y); }

constexpr Board Column(int x) {
  Board cells = 0;
  for (int y = 0; y < kBoardSide; ++y) cells |= Cell(x, y);
  return cells;
}

constexpr bool OnBoard(int x) { return x >= 0 && x < kBoardSide; }

/// Packs channels [C][y][x] as ElementKind::kBits: channel c begins at bit 100 c, hence two
/// channels fill 25 bytes exactly.
template <std::size_t C>
void WriteBoards(const std::array<Board, C>& channels, std::span<std::uint8_t> packed) {
  constexpr std::size_t kPairBytes = 2 * kBoardCells / 8;
  SH_CHECK(packed.size() == (C * kBoardCells + 7) / 8, "{} bytes for {} channels", packed.size(),
           C);
  std::uint8_t* out = packed.data();
  for (std::size_t c = 0; c + 1 < C; c += 2, out += kPairBytes) {
    const Board low = channels[c] | (channels[c + 1] << kBoardCells);
    const Board high = channels[c + 1] >> (128 - kBoardCells);
    std::memcpy(out, &low, 16);
    std::memcpy(out + 16, &high, kPairBytes - 16);
  }
  if constexpr (C % 2 == 1) std::memcpy(out, &channels[C - 1], (kBoardCells + 7) / 8);
}

}  // namespace stillhouse::actors
