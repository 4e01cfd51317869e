#include "replay/sum_tree.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "common/base/error.h"

namespace stillhouse::replay {
namespace {

constexpr std::size_t kWidth = SumTree::kWidth;
constexpr std::size_t kLineBytes = 64;
/// Descents that run side by side.
constexpr std::size_t kGroup = 32;
constexpr double kNone = std::numeric_limits<double>::infinity();

struct Step {
  std::size_t child;
  double before;  ///< sum of the children to the left
};

void PrefetchNode(const double* node) {
  __builtin_prefetch(node);
  __builtin_prefetch(node + kLineBytes / sizeof(double));
}

/// Where rounding points at a child without mass: the nearest one that has some, to the right
/// first (a border belongs to the next slot). Rare.
[[gnu::noinline]] Step NearestPositive(const double* node, std::size_t from) {
  std::size_t child = from;
  while (child < kWidth && node[child] <= 0) ++child;
  if (child == kWidth) {
    child = std::min(from, kWidth - 1);
    while (child > 0 && node[child] <= 0) --child;
  }
  double before = 0;
  for (std::size_t i = 0; i < child; ++i) before += node[i];
  return {child, before};
}

#if defined(__AVX2__)

double SumOf(const double* node) {
  const __m256d sum =
      _mm256_add_pd(_mm256_add_pd(_mm256_load_pd(node), _mm256_load_pd(node + 4)),
                    _mm256_add_pd(_mm256_load_pd(node + 8), _mm256_load_pd(node + 12)));
  const __m128d half = _mm_add_pd(_mm256_castpd256_pd128(sum), _mm256_extractf128_pd(sum, 1));
  return _mm_cvtsd_f64(_mm_add_sd(half, _mm_unpackhi_pd(half, half)));
}

/// [a, a+b, a+b+c, a+b+c+d]
__m256d PrefixOf4(__m256d v) {
  const __m256d zero = _mm256_setzero_pd();
  const __m256d by_one = _mm256_blend_pd(_mm256_permute4x64_pd(v, 0b10010000), zero, 0b0001);
  const __m256d pairs = _mm256_add_pd(v, by_one);
  return _mm256_add_pd(pairs, _mm256_permute2f128_pd(pairs, pairs, 0x08));
}

/// The first child whose prefix sum is above `mass`: prefix sums in four vectors, one comparison
/// each.
Step Choose(const double* node, double mass) {
  alignas(32) double prefix[kWidth + 4];
  const __m256d wanted = _mm256_set1_pd(mass);
  __m256d carry = _mm256_setzero_pd();
  unsigned above = 0;
  for (std::size_t i = 0; i < kWidth; i += 4) {
    const __m256d sums = _mm256_add_pd(PrefixOf4(_mm256_load_pd(node + i)), carry);
    carry = _mm256_permute4x64_pd(sums, 0xff);
    _mm256_storeu_pd(prefix + 1 + i, sums);
    const int bits = _mm256_movemask_pd(_mm256_cmp_pd(sums, wanted, _CMP_GT_OQ));
    above |= static_cast<unsigned>(bits) << i;
  }
  prefix[0] = 0;
  const auto child = static_cast<std::size_t>(std::countr_zero(above | 1U << kWidth));
  if (child == kWidth || node[child] <= 0) [[unlikely]]
    return NearestPositive(node, child);
  return {child, prefix[child]};
}

#else

double SumOf(const double* node) {
  std::array<double, 4> lanes{};
  for (std::size_t i = 0; i < kWidth; ++i) lanes[i % 4] += node[i];
  return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
}

Step Choose(const double* node, double mass) {
  double sum = 0;
  for (std::size_t child = 0; child < kWidth; ++child) {
    const double next = sum + node[child];
    if (next > mass) return {child, sum};
    sum = next;
  }
  return NearestPositive(node, kWidth);
}

#endif

/// Least value above 0 among 16; kNone when there is none.
double LeastPositive(const double* node) {
  double least = kNone;
  for (std::size_t i = 0; i < kWidth; ++i) {
    const double value = node[i] > 0 ? node[i] : kNone;
    least = value < least ? value : least;
  }
  return least;
}

double Least(const double* node) { return *std::min_element(node, node + kWidth); }

void CheckPriority(double priority) {
  SH_CHECK(priority >= 0 && priority < kNone, "priority {}", priority);
}

}  // namespace

void SumTree::Free::operator()(double* values) const { std::free(values); }

SumTree::Level SumTree::MakeLevel(std::size_t size, double fill) {
  Level level;
  level.size = (size + kWidth - 1) / kWidth * kWidth;
  const std::size_t bytes = level.size * sizeof(double);
  level.values.reset(static_cast<double*>(std::aligned_alloc(kLineBytes * 2, bytes)));
  if (!level.values) throw std::bad_alloc();
  std::fill_n(level.values.get(), level.size, fill);
  return level;
}

SumTree::SumTree(std::size_t capacity, bool track_min) : capacity_(capacity) {
  SH_CHECK(capacity >= 1, "a tree without slots");
  levels_.push_back(MakeLevel(capacity, 0));
  while (levels_.back().size > kWidth) {
    const std::size_t parents = levels_.back().size / kWidth;
    if (track_min) least_.push_back(MakeLevel(parents, kNone));
    levels_.push_back(MakeLevel(parents, 0));
  }
  if (track_min && least_.empty()) least_.push_back(MakeLevel(1, kNone));
}

double SumTree::MinPositive() const {
  SH_CHECK(!least_.empty(), "this tree does not track its least priority");
  return min_positive_;
}

std::size_t SumTree::MemoryBytes() const {
  std::size_t values = 0;
  for (const auto& level : levels_) values += level.size;
  for (const auto& level : least_) values += level.size;
  return values * sizeof(double);
}

void SumTree::Recompute(std::size_t level, std::size_t parent) {
  levels_[level + 1].values[parent] = SumOf(levels_[level].values.get() + parent * kWidth);
  if (least_.empty()) return;
  least_[level].values[parent] = level == 0
                                     ? LeastPositive(levels_[0].values.get() + parent * kWidth)
                                     : Least(least_[level - 1].values.get() + parent * kWidth);
}

void SumTree::RecomputeTop() {
  total_ = SumOf(levels_.back().values.get());
  if (least_.empty()) return;
  const double least = levels_.size() == 1 ? LeastPositive(levels_[0].values.get())
                                           : Least(least_.back().values.get());
  min_positive_ = least == kNone ? 0 : least;
}

void SumTree::SetBatch(std::span<const std::size_t> slots, std::span<const double> priorities) {
  SH_CHECK(slots.size() == priorities.size(), "{} slots, {} priorities", slots.size(),
           priorities.size());
  double* leaves = levels_[0].values.get();
  for (std::size_t start = 0; start < slots.size(); start += kGroup) {
    const std::size_t count = std::min(kGroup, slots.size() - start);
    std::array<std::size_t, kGroup> nodes{};
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t slot = slots[start + i];
      SH_CHECK(slot < capacity_, "slot {} of {}", slot, capacity_);
      nodes[i] = slot / kWidth;
      PrefetchNode(leaves + nodes[i] * kWidth);
    }
    for (std::size_t i = 0; i < count; ++i) {
      CheckPriority(priorities[start + i]);
      leaves[slots[start + i]] = priorities[start + i];
    }
    for (std::size_t level = 0; level + 1 < levels_.size(); ++level) {
      for (std::size_t i = 0; i < count; ++i) {
        Recompute(level, nodes[i]);
        nodes[i] /= kWidth;
      }
    }
  }
  RecomputeTop();
}

void SumTree::SetRange(std::size_t first, std::span<const double> priorities) {
  if (priorities.empty()) return;
  SH_CHECK(first + priorities.size() <= capacity_, "slots {} + {} of {}", first, priorities.size(),
           capacity_);
  for (const double priority : priorities) CheckPriority(priority);
  std::copy(priorities.begin(), priorities.end(), levels_[0].values.get() + first);
  RecomputeAbove(first, first + priorities.size() - 1);
}

void SumTree::ClearRange(std::size_t first, std::size_t count) {
  if (count == 0) return;
  SH_CHECK(first + count <= capacity_, "slots {} + {} of {}", first, count, capacity_);
  std::fill_n(levels_[0].values.get() + first, count, 0.0);
  RecomputeAbove(first, first + count - 1);
}

void SumTree::RecomputeAbove(std::size_t first, std::size_t last) {
  for (std::size_t level = 0; level + 1 < levels_.size(); ++level) {
    first /= kWidth;
    last /= kWidth;
    for (std::size_t parent = first; parent <= last; ++parent) Recompute(level, parent);
  }
  RecomputeTop();
}

std::size_t SumTree::Find(double mass) const {
  std::size_t slot = 0;
  FindBatch({&mass, 1}, {&slot, 1});
  return slot;
}

void SumTree::FindBatch(std::span<const double> masses, std::span<std::size_t> out) const {
  SH_CHECK(out.size() == masses.size(), "{} masses, room for {}", masses.size(), out.size());
  SH_CHECK(masses.empty() || total_ > 0, "nothing to draw from");
  for (std::size_t start = 0; start < masses.size(); start += kGroup) {
    const std::size_t count = std::min(kGroup, masses.size() - start);
    FindSome(masses.subspan(start, count), out.subspan(start, count));
  }
}

void SumTree::FindSome(std::span<const double> masses, std::span<std::size_t> out) const {
  std::array<double, kGroup> left;
  std::copy(masses.begin(), masses.end(), left.begin());
  std::fill(out.begin(), out.end(), std::size_t{0});
  for (std::size_t level = levels_.size(); level-- > 0;) {
    const double* values = levels_[level].values.get();
    const double* below = level > 0 ? levels_[level - 1].values.get() : nullptr;
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Step step = Choose(values + out[i] * kWidth, left[i]);
      left[i] -= step.before;
      out[i] = out[i] * kWidth + step.child;
      if (below != nullptr) PrefetchNode(below + out[i] * kWidth);
    }
  }
}

}  // namespace stillhouse::replay
