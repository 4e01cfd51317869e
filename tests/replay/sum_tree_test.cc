#include "replay/sum_tree.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/rng.h"

namespace stillhouse::replay {
namespace {

/// The definition: the smallest i whose cumulative sum is above the mass.
std::size_t SlowFind(const std::vector<double>& priorities, double mass) {
  double sum = 0;
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    sum += priorities[i];
    if (sum > mass) return i;
  }
  ADD_FAILURE() << "mass beyond the total";
  return 0;
}

/// Multiples of 1/1024: sums are exact in any order.
double Dyadic(Rng& rng) { return static_cast<double>(rng.Below(4096)) / 1024; }

TEST(SumTreeTest, FindsWhatALinearScanFindsAtEverySize) {
  Rng rng(1);
  for (const std::size_t capacity :
       {1U, 2U, 15U, 16U, 17U, 255U, 256U, 257U, 1000U, 4097U, 70000U}) {
    std::vector<double> priorities(capacity);
    for (double& p : priorities) p = rng.Below(3) == 0 ? 0 : Dyadic(rng);
    priorities[rng.Below(capacity)] = 1;
    SumTree tree(capacity, true);
    tree.SetRange(0, priorities);
    for (int draw = 0; draw < 60; ++draw) {
      const double mass = std::floor(rng.Uniform() * tree.Total() * 1024) / 1024;  // often borders
      ASSERT_EQ(tree.Find(mass), SlowFind(priorities, mass)) << capacity << " " << mass;
    }
  }
}

TEST(SumTreeTest, KeepsTotalAndLeastPriorityThroughRandomChanges) {
  Rng rng(2);
  const std::size_t capacity = 3000;
  std::vector<double> priorities(capacity, 0.0);
  SumTree tree(capacity, true);
  EXPECT_EQ(tree.MinPositive(), 0);
  for (int round = 0; round < 300; ++round) {
    if (rng.Below(4) == 0) {
      const std::size_t first = rng.Below(capacity);
      const std::size_t count = rng.Below(capacity - first + 1);
      tree.ClearRange(first, count);
      std::fill_n(priorities.begin() + static_cast<std::ptrdiff_t>(first), count, 0.0);
    } else {
      std::vector<std::size_t> slots(rng.Below(70));
      std::vector<double> values(slots.size());
      for (std::size_t i = 0; i < slots.size(); ++i) {
        slots[i] = rng.Below(capacity);
        values[i] = Dyadic(rng);
        priorities[slots[i]] = values[i];  // the later of two stays
      }
      tree.SetBatch(slots, values);
    }
    double sum = 0;
    double least = 0;
    for (const double p : priorities) {
      sum += p;
      if (p > 0 && (least == 0 || p < least)) least = p;
    }
    ASSERT_EQ(tree.Total(), sum) << "round " << round;
    ASSERT_EQ(tree.MinPositive(), least) << "round " << round;
  }
}

TEST(SumTreeTest, ABorderBelongsToTheNextSlotWithPriority) {
  SumTree tree(6);
  tree.SetRange(0, std::vector<double>{0, 2, 0, 0, 3, 0});
  EXPECT_EQ(tree.Find(0), 1U);
  EXPECT_EQ(tree.Find(std::nextafter(2.0, 0.0)), 1U);
  EXPECT_EQ(tree.Find(2), 4U);
  EXPECT_EQ(tree.Find(std::nextafter(5.0, 0.0)), 4U);
}

TEST(SumTreeTest, RoundingNeverLeadsToASlotWithoutPriority) {
  Rng rng(3);
  const std::size_t capacity = 5000;
  SumTree tree(capacity);
  std::vector<double> priorities(capacity, 0.0);
  for (double& p : priorities) {
    if (rng.Below(2) == 0) p = std::pow(10, 20 * rng.Uniform() - 10);
  }
  tree.SetRange(0, priorities);
  for (int draw = 0; draw < 20000; ++draw) {
    // Up to and a little beyond the total, and exact borders of large prefixes.
    const double mass = tree.Total() * (draw % 100 == 0 ? 1.0 + 1e-15 : rng.Uniform());
    ASSERT_GT(priorities[tree.Find(mass)], 0.0);
  }
}

TEST(SumTreeTest, DoesNotDrift) {
  Rng rng(4);
  const std::size_t capacity = 4096;
  SumTree tree(capacity);
  std::vector<std::size_t> slots(32);
  std::vector<double> values(32);
  for (int round = 0; round < 20000; ++round) {
    for (std::size_t i = 0; i < slots.size(); ++i) {
      slots[i] = rng.Below(capacity);
      values[i] = std::pow(10, 12 * rng.Uniform() - 6);
    }
    tree.SetBatch(slots, values);
  }
  long double sum = 0;
  for (std::size_t i = 0; i < capacity; ++i) sum += tree.Get(i);
  EXPECT_LT(std::abs(static_cast<double>(tree.Total() / sum - 1)), 1e-13);
}

TEST(SumTreeTest, TakesLittleMoreThanItsSlots) {
  const std::size_t capacity = 1000000;
  EXPECT_LT(SumTree(capacity).MemoryBytes(), 86 * capacity / 10);
  EXPECT_LT(SumTree(capacity, true).MemoryBytes(), 91 * capacity / 10);
}

}  // namespace
}  // namespace stillhouse::replay
