#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

namespace stillhouse::replay {

/// Memory of blocks that die in the order in which they were born. Small blocks share slabs of
/// 2 MiB on huge pages, which spares random reads their page walks; large ones stand alone. No
/// overhead a block but alignment to 8 bytes; at most two slabs are partly unused.
class ChunkArena {
 public:
  static constexpr std::size_t kSlabBytes = std::size_t{2} << 20U;

  /// Uninitialised; valid until DropOldest has been called for it.
  std::uint8_t* Append(std::size_t bytes);
  /// Frees the oldest block there is (SH_CHECK).
  void DropOldest();
  std::uint64_t MemoryBytes() const { return memory_bytes_; }

 private:
  struct Unmap {
    Unmap() : size(0) {}
    explicit Unmap(std::size_t bytes) : size(bytes) {}
    std::size_t size;
    void operator()(std::uint8_t* bytes) const;
  };
  struct Slab {
    std::unique_ptr<std::uint8_t[], Unmap> bytes;
    std::size_t size = 0;
    std::size_t used = 0;
    std::size_t blocks = 0;  ///< alive
  };

  static Slab MakeSlab(std::size_t bytes);

  std::deque<Slab> slabs_;
  Slab spare_;  ///< the last one that ran empty, if it was of the usual size
  std::uint64_t memory_bytes_ = 0;
};

}  // namespace stillhouse::replay
