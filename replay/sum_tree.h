#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace stillhouse::replay {

/// Priorities of `capacity` slots and their cumulative sums: a 16-ary tree of doubles. A parent
/// is always recomputed from its 16 children, never adjusted by a difference, so the sums cannot
/// drift however many updates there are. Slots begin at 0. Single-threaded.
///
/// Batches descend level by level with the next lines prefetched, so that their cache misses
/// overlap; one slot is a batch of one. Memory: 8.53 bytes a slot, 9.07 with the least priority.
class SumTree {
 public:
  static constexpr std::size_t kWidth = 16;

  /// capacity >= 1. `track_min` keeps what MinPositive needs, at about a third of Set's cost.
  explicit SumTree(std::size_t capacity, bool track_min = false);

  std::size_t Capacity() const { return capacity_; }
  double Get(std::size_t slot) const { return levels_.front().values[slot]; }
  /// Sum over all slots.
  double Total() const { return total_; }
  /// Least priority above 0; 0 when there is none. Needs track_min (SH_CHECK).
  double MinPositive() const;
  std::size_t MemoryBytes() const;

  /// O(log n). Priorities are finite and >= 0 (SH_CHECK).
  void Set(std::size_t slot, double priority) { SetBatch({&slot, 1}, {&priority, 1}); }
  /// In order: of a slot named twice the later priority stays.
  void SetBatch(std::span<const std::size_t> slots, std::span<const double> priorities);
  /// `priorities` for slots first, first + 1, ...: no further than Capacity().
  void SetRange(std::size_t first, std::span<const double> priorities);
  /// Zero for slots [first, first + count).
  void ClearRange(std::size_t first, std::size_t count);

  /// The least slot whose cumulative sum (itself included) is above `mass`; so a mass on a border
  /// belongs to the next slot with a positive priority, and a slot with priority 0 is never found.
  /// mass in [0, Total()); one that rounding has pushed beyond finds the last positive slot.
  /// Total() > 0 (SH_CHECK).
  std::size_t Find(double mass) const;
  /// Find for every mass; out [masses].
  void FindBatch(std::span<const double> masses, std::span<std::size_t> out) const;

 private:
  struct Free {
    void operator()(double* values) const;
  };
  /// Values of one level, padded with zeros to whole nodes, on cache line borders.
  struct Level {
    std::unique_ptr<double[], Free> values;
    std::size_t size = 0;
  };

  static Level MakeLevel(std::size_t size, double fill);
  void Recompute(std::size_t level, std::size_t parent);
  void RecomputeTop();
  /// Recomputes everything above slots [first, last].
  void RecomputeAbove(std::size_t first, std::size_t last);
  void FindSome(std::span<const double> masses, std::span<std::size_t> out) const;

  std::size_t capacity_;
  std::vector<Level> levels_;  ///< [0] the slots, last: at most kWidth values
  std::vector<Level> least_;   ///< [k] least positive below levels_[k + 1]'s values; empty: off
  double total_ = 0;
  double min_positive_ = 0;
};

}  // namespace stillhouse::replay
