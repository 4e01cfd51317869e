#pragma once

#include <cstddef>

namespace stillhouse::fuzz {

/// Counts what operator new hands out (memory_guard.cc replaces it in this program) and refuses
/// what goes beyond a limit, before it is taken. One thread, one guard at a time.
class MemoryGuard {
 public:
  /// `limit`: bytes that may be held at once beyond what is held now.
  explicit MemoryGuard(std::size_t limit);
  ~MemoryGuard();
  MemoryGuard(const MemoryGuard&) = delete;
  MemoryGuard& operator=(const MemoryGuard&) = delete;

  /// The most that was held, or asked for when that was refused.
  std::size_t Peak() const;
  bool Exceeded() const;
};

}  // namespace stillhouse::fuzz
