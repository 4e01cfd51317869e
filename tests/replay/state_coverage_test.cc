#include "replay/state_coverage.h"

#include <cmath>
#include <cstring>
#include <set>

#include <gtest/gtest.h>

#include "tests/replay/chunk_maker.h"

namespace stillhouse::replay {
namespace {

std::uint64_t HashOf(const std::vector<float>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  const TensorSpec spec{ElementKind::kFloats, {static_cast<std::int64_t>(values.size())}};
  return StateHash(spec, bytes.data());
}

TEST(StateHashTest, FloatsOfOneCellAreOneStateAndOfTwoCellsTwo) {
  EXPECT_EQ(HashOf({1.0F, -0.5F}), HashOf({1.4F, -0.6F}));
  EXPECT_NE(HashOf({1.0F, -0.5F}), HashOf({1.5F, -0.5F}));
  EXPECT_NE(HashOf({1.0F, -0.5F}), HashOf({1.0F, 0.5F}));
  EXPECT_NE(HashOf({1.0F, -0.5F}), HashOf({-0.5F, 1.0F}));
  EXPECT_EQ(HashOf({0.01F, 0}), HashOf({-0.02F, 0}));
}

TEST(StateHashTest, BitsCountOneByOneAndAtTheirPlaces) {
  const TensorSpec spec{ElementKind::kBits, {4, 10, 10}};
  std::set<std::uint64_t> seen;
  for (std::size_t bit = 0; bit < 400; ++bit) {
    std::vector<std::uint8_t> packed(50, 0);
    packed[bit / 8] = static_cast<std::uint8_t>(1U << (bit % 8));
    seen.insert(StateHash(spec, packed.data()));
  }
  EXPECT_EQ(seen.size(), 400U);
}

TEST(StateCoverageTest, CountsEachStoredStepOnceByItsActionAndItsState) {
  const EnvironmentSpec spec = CounterSpec();
  StateCoverage coverage(spec);
  std::vector<std::uint64_t> actions(static_cast<std::size_t>(spec.num_actions), 0);
  std::set<std::uint64_t> states;
  for (int i = 0; i < 5; ++i) {
    const auto first = static_cast<std::uint64_t>(10 * i);
    const auto bytes = MakeChunk(7, first + 1, first, 10).Encode(spec);
    const ChunkView chunk(bytes, spec, 3);
    coverage.Add(chunk);
    coverage.Add(chunk);
    for (std::uint32_t item = 0; item < chunk.Items(); ++item) {
      actions[static_cast<std::size_t>(chunk.Action(item))] += 2;
      states.insert(StateHash(spec.observation, chunk.Observation(item)));
    }
  }
  EXPECT_EQ(coverage.ActionCounts(), actions);
  EXPECT_NEAR(coverage.Visited().Estimate(), static_cast<double>(states.size()), 1.0);
}

}  // namespace
}  // namespace stillhouse::replay
