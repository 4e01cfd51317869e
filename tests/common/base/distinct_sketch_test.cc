#include "common/base/distinct_sketch.h"

#include <gtest/gtest.h>

#include "common/base/rng.h"

namespace stillhouse {
namespace {

TEST(DistinctSketchTest, CountsWithinThreeStandardErrorsFromNothingToAMillion) {
  for (const std::uint64_t count : {0, 1, 10, 1000, 10000, 20000, 100000, 1000000}) {
    DistinctSketch sketch;
    Rng rng(count);
    for (std::uint64_t i = 0; i < count; ++i) sketch.Add(rng());
    const auto exact = static_cast<double>(count);
    EXPECT_NEAR(sketch.Estimate(), exact, 3 * 0.0163 * exact + 0.01) << count;
  }
}

TEST(DistinctSketchTest, WhatWasSeenBeforeChangesNothing) {
  DistinctSketch once;
  DistinctSketch often;
  for (int round = 0; round < 5; ++round) {
    Rng rng(3);
    for (int i = 0; i < 5000; ++i) {
      const auto hash = rng();
      if (round == 0) once.Add(hash);
      often.Add(hash);
    }
  }
  EXPECT_EQ(once.Registers(), often.Registers());
}

TEST(DistinctSketchTest, PartsJoinToTheSketchOfTheWhole) {
  DistinctSketch whole;
  DistinctSketch parts[2];
  Rng rng(4);
  for (int i = 0; i < 30000; ++i) {
    const auto hash = rng();
    whole.Add(hash);
    parts[i % 2].Add(hash);
  }
  parts[0].Merge(parts[1].Registers());
  parts[0].Merge({});
  EXPECT_EQ(parts[0].Registers(), whole.Registers());
}

}  // namespace
}  // namespace stillhouse
