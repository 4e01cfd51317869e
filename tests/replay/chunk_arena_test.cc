#include "replay/chunk_arena.h"

#include <cstring>
#include <deque>

#include <gtest/gtest.h>

#include "common/base/rng.h"

namespace stillhouse::replay {
namespace {

TEST(ChunkArenaTest, KeepsBlocksApartUntilTheyAreDropped) {
  ChunkArena arena;
  Rng rng(1);
  struct Block {
    std::uint8_t* bytes;
    std::size_t size;
    std::uint8_t fill;
  };
  std::deque<Block> alive;
  for (int round = 0; round < 3000; ++round) {
    const std::size_t size = rng.Below(50) == 0 ? 1 + rng.Below(400000) : 1 + rng.Below(5000);
    const auto fill = static_cast<std::uint8_t>(rng());
    alive.push_back({arena.Append(size), size, fill});
    std::memset(alive.back().bytes, fill, size);
    while (alive.size() > 700) {
      const Block& oldest = alive.front();
      for (std::size_t i = 0; i < oldest.size; i += 97) ASSERT_EQ(oldest.bytes[i], oldest.fill);
      ASSERT_EQ(oldest.bytes[oldest.size - 1], oldest.fill);
      alive.pop_front();
      arena.DropOldest();
    }
  }
}

TEST(ChunkArenaTest, TakesAtMostTwoSlabsMoreThanItHolds) {
  ChunkArena arena;
  const std::size_t block = 2000;
  const std::size_t held = 5000;
  for (std::size_t i = 0; i < 20 * held; ++i) {
    arena.Append(block);
    if (i >= held) arena.DropOldest();
    ASSERT_LE(arena.MemoryBytes(), held * (block + 8) + 3 * ChunkArena::kSlabBytes);
  }
  for (std::size_t i = 0; i < held; ++i) arena.DropOldest();
  EXPECT_LE(arena.MemoryBytes(), 2 * ChunkArena::kSlabBytes);
}

TEST(ChunkArenaTest, ALargeBlockTakesItsOwnPages) {
  ChunkArena arena;
  arena.Append(1000000);
  EXPECT_EQ(arena.MemoryBytes(), 245U * 4096);
  arena.DropOldest();
  EXPECT_EQ(arena.MemoryBytes(), 0U);
}

}  // namespace
}  // namespace stillhouse::replay
