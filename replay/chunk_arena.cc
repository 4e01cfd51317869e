#include "replay/chunk_arena.h"

#include <new>
#include <utility>

#include <sys/mman.h>

#include "common/base/error.h"

namespace stillhouse::replay {
namespace {

constexpr std::size_t kAlignment = 8;
constexpr std::size_t kPageBytes = 4096;
/// Larger blocks would leave too much of a slab unused.
constexpr std::size_t kMostSharedBytes = ChunkArena::kSlabBytes / 16;

std::uint8_t* Map(std::size_t bytes) {
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::uint8_t*>(memory);
}

}  // namespace

void ChunkArena::Unmap::operator()(std::uint8_t* bytes) const { munmap(bytes, size); }

ChunkArena::Slab ChunkArena::MakeSlab(std::size_t bytes) {
  Slab slab;
  slab.size = bytes;
  if (bytes != kSlabBytes) {
    slab.bytes = {Map(bytes), Unmap(bytes)};
    return slab;
  }
  // A huge page begins at a multiple of its size: take twice as much and give the rest back.
  std::uint8_t* const start = Map(2 * bytes);
  const std::size_t before = (bytes - reinterpret_cast<std::uintptr_t>(start) % bytes) % bytes;
  if (before > 0) munmap(start, before);
  munmap(start + before + bytes, bytes - before);
  // Advice only: without huge pages everything works the same, somewhat slower.
  madvise(start + before, bytes, MADV_HUGEPAGE);
  slab.bytes = {start + before, Unmap(bytes)};
  return slab;
}

std::uint8_t* ChunkArena::Append(std::size_t bytes) {
  const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  if (slabs_.empty() || slabs_.back().size - slabs_.back().used < rounded) {
    const bool alone = rounded > kMostSharedBytes;
    if (!alone && spare_.bytes) {
      slabs_.push_back(std::exchange(spare_, Slab{}));
    } else {
      const std::size_t pages = (rounded + kPageBytes - 1) / kPageBytes * kPageBytes;
      slabs_.push_back(MakeSlab(alone ? pages : kSlabBytes));
      memory_bytes_ += slabs_.back().size;
    }
  }
  Slab& slab = slabs_.back();
  std::uint8_t* const block = slab.bytes.get() + slab.used;
  slab.used += rounded;
  ++slab.blocks;
  return block;
}

void ChunkArena::DropOldest() {
  SH_CHECK(!slabs_.empty() && slabs_.front().blocks > 0, "nothing to drop");
  Slab& oldest = slabs_.front();
  if (--oldest.blocks > 0) return;
  oldest.used = 0;
  if (slabs_.size() == 1 && oldest.size == kSlabBytes) return;  // goes on being filled
  if (!spare_.bytes && oldest.size == kSlabBytes) {
    spare_ = std::move(oldest);
  } else {
    memory_bytes_ -= oldest.size;
  }
  slabs_.pop_front();
}

}  // namespace stillhouse::replay
