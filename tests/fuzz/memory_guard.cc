#include "tests/fuzz/memory_guard.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>

#include <malloc.h>

namespace stillhouse::fuzz {
namespace {

// Replaced operators have nowhere else to keep this. Constant-initialised: new is called before
// main.
struct Counts {
  bool on = false;
  bool exceeded = false;
  std::size_t held = 0;  ///< since the guard began; never below 0
  std::size_t peak = 0;
  std::size_t limit = 0;
};
constinit Counts counts;

void* Allocate(std::size_t size, std::size_t alignment) {
  if (counts.on) {
    counts.peak = std::max(counts.peak, counts.held + size);
    if (size > counts.limit || counts.held + size > counts.limit) {
      counts.exceeded = true;
      return nullptr;
    }
  }
  if (size > std::numeric_limits<std::ptrdiff_t>::max() - 4096U) return nullptr;
  const std::size_t rounded = (std::max<std::size_t>(size, 1) + alignment - 1) & ~(alignment - 1);
  void* const memory = alignment <= alignof(std::max_align_t)
                           ? std::malloc(rounded)
                           : std::aligned_alloc(alignment, rounded);
  if (counts.on && memory != nullptr) counts.held += malloc_usable_size(memory);
  return memory;
}

void* AllocateOrThrow(std::size_t size, std::size_t alignment) {
  if (void* const memory = Allocate(size, alignment)) return memory;
  throw std::bad_alloc();
}

void Release(void* memory) {
  if (counts.on && memory != nullptr) {
    counts.held -= std::min(counts.held, malloc_usable_size(memory));
  }
  std::free(memory);
}

}  // namespace

MemoryGuard::MemoryGuard(std::size_t limit) {
  counts = {};
  counts.limit = limit;
  counts.on = true;
}
MemoryGuard::~MemoryGuard() { counts.on = false; }
std::size_t MemoryGuard::Peak() const { return counts.peak; }
bool MemoryGuard::Exceeded() const { return counts.exceeded; }

}  // namespace stillhouse::fuzz

using stillhouse::fuzz::Allocate;
using stillhouse::fuzz::AllocateOrThrow;
using stillhouse::fuzz::Release;

constexpr std::size_t kPlain = alignof(std::max_align_t);

void* operator new(std::size_t size) { return AllocateOrThrow(size, kPlain); }
void* operator new[](std::size_t size) { return AllocateOrThrow(size, kPlain); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return AllocateOrThrow(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return AllocateOrThrow(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size, kPlain);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return Allocate(size, kPlain);
}
void operator delete(void* memory) noexcept { Release(memory); }
void operator delete[](void* memory) noexcept { Release(memory); }
void operator delete(void* memory, std::size_t) noexcept { Release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { Release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { Release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { Release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { Release(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { Release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { Release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { Release(memory); }
