#include "replay/chunk.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "tests/replay/chunk_maker.h"

namespace stillhouse::replay {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr std::uint32_t kSteps = 3;  // n

TEST(ChunkTest, KeepsWhatWasWrittenAndItsKey) {
  const EnvironmentSpec spec = CounterSpec();
  ExperienceChunk chunk = MakeChunk(7, 5, 100, 4);
  chunk.weights_version = 9;
  chunk.td_errors = {0.5F, 1.5F, 2.5F, 0.0F};
  const auto bytes = chunk.Encode(spec);
  const ChunkView view(bytes, spec, kSteps);
  EXPECT_EQ(view.IncarnationValue(), 7U);
  EXPECT_EQ(view.Sequence(), 5U);
  EXPECT_EQ(view.FirstItem(), 100U);
  EXPECT_EQ(view.WeightsVersion(), 9U);
  EXPECT_EQ(view.Items(), 4U);
  EXPECT_EQ(view.Steps(), 6U);
  EXPECT_EQ(view.TdError(2), 2.5F);
  EXPECT_EQ(FloatAt(view.Observation(6)), 106.0F);
  // 48 + 7 rows of 4 + 1 + 1 + 4 + 4 TD errors of 4
  EXPECT_EQ(bytes.size(), 48U + 70U + 16U);
}

TEST(ChunkTest, ReadsNStepTransitionsInPlace) {
  const EnvironmentSpec spec = CounterSpec();
  ExperienceChunk chunk = MakeChunk(1, 1, 0, 3);
  chunk.rewards = {1, 2, 4, 8, 16};
  const auto bytes = chunk.Encode(spec);
  const TransitionView first = ChunkView(bytes, spec, kSteps).Transition(1, kSteps, 0.5);
  EXPECT_EQ(FloatAt(first.observation), 1.0F);
  EXPECT_EQ(FloatAt(first.next_observation), 4.0F);
  EXPECT_EQ(first.action, 1);
  EXPECT_EQ(first.reward, 2.0F + 2.0F + 2.0F);  // 2 + 4/2 + 8/4
  EXPECT_EQ(first.discount, 0.125F);
}

TEST(ChunkTest, BootstrapsFromTheFinalObservationOfATruncatedStep) {
  const EnvironmentSpec spec = CounterSpec();
  ExperienceChunk chunk = MakeChunk(1, 1, 0, 4);
  chunk.flags[0] = kTruncated;
  chunk.flags[2] = kTruncated;
  AppendFloat(chunk.final_observations, -10);
  AppendFloat(chunk.final_observations, -12);
  const auto bytes = chunk.Encode(spec);
  const ChunkView view(bytes, spec, kSteps);
  EXPECT_EQ(FloatAt(view.Transition(0, kSteps, 0.5).next_observation), -10.0F);
  EXPECT_EQ(view.Transition(0, kSteps, 0.5).discount, 0.5F);
  EXPECT_EQ(FloatAt(view.Transition(1, kSteps, 0.5).next_observation), -12.0F);
  EXPECT_EQ(view.Transition(1, kSteps, 0.5).discount, 0.25F);
  EXPECT_EQ(FloatAt(view.Transition(3, kSteps, 0.5).next_observation), 6.0F);
}

TEST(ChunkTest, TerminationWinsOverTruncationAndNeedsNoFinalObservation) {
  const EnvironmentSpec spec = CounterSpec();
  ExperienceChunk chunk = MakeChunk(1, 1, 0, 2);
  chunk.flags[1] = kTerminated | kTruncated;
  const auto bytes = chunk.Encode(spec);
  const TransitionView item = ChunkView(bytes, spec, kSteps).Transition(0, kSteps, 0.5);
  EXPECT_EQ(item.discount, 0.0F);
  EXPECT_EQ(item.reward, 1.5F);
}

TEST(ChunkTest, AnEndOfEpisodeMakesLookaheadUnnecessary) {
  const EnvironmentSpec spec = CounterSpec();
  ExperienceChunk chunk = MakeChunk(1, 1, 0, 2, 1);
  EXPECT_THAT([&] { ChunkView(chunk.Encode(spec), spec, kSteps); },
              ThrowsMessage<WireError>(HasSubstr("no end of episode")));
  chunk.flags[1] = kTerminated;
  EXPECT_NO_THROW(ChunkView(chunk.Encode(spec), spec, kSteps));
}

TEST(ChunkTest, WideActionSpacesTakeFourBytes) {
  EnvironmentSpec spec = CounterSpec();
  spec.num_actions = 1000;
  ExperienceChunk chunk = MakeChunk(1, 1, 0, 2);
  chunk.actions[1] = 999;
  const auto bytes = chunk.Encode(spec);
  EXPECT_EQ(ChunkView(bytes, spec, kSteps).Transition(1, kSteps, 0.9).action, 999);
}

TEST(ChunkTest, RefusesWhatIsOutOfRange) {
  const EnvironmentSpec spec = CounterSpec();
  const auto refuses = [&](auto&& change) {
    ExperienceChunk chunk = MakeChunk(1, 1, 0, 4);
    change(chunk);
    const auto bytes = chunk.Encode(spec);
    EXPECT_THROW(ChunkView(bytes, spec, kSteps), WireError);
  };
  refuses([](auto& chunk) { chunk.actions[2] = 3; });
  refuses([](auto& chunk) { chunk.flags[2] = 4; });
  refuses([](auto& chunk) { chunk.rewards[5] = std::numeric_limits<float>::infinity(); });
  refuses([](auto& chunk) { chunk.td_errors[0] = std::nanf(""); });
  refuses([](auto& chunk) { chunk.td_errors[0] = -1; });
  refuses([](auto& chunk) { chunk.sequence = 0; });
  refuses([](auto& chunk) {
    const float nan = std::nanf("");
    std::memcpy(chunk.observations.data() + 8, &nan, sizeof(nan));
  });
}

TEST(ChunkTest, NoDamagedByteMakesTheReaderLeaveItsBounds) {
  const EnvironmentSpec spec = CounterSpec();
  ExperienceChunk chunk = MakeChunk(1, 1, 0, 4);
  chunk.flags[1] = kTruncated;
  AppendFloat(chunk.final_observations, 3);
  const auto whole = chunk.Encode(spec);
  Rng rng(11);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    auto bytes = whole;
    const std::uint64_t hits = 1 + rng.Below(3);
    for (std::uint64_t i = 0; i < hits; ++i) {
      bytes[rng.Below(bytes.size())] = static_cast<std::uint8_t>(rng());
    }
    if (rng.Below(4) == 0) bytes.resize(rng.Below(bytes.size()));
    try {
      const ChunkView view(bytes, spec, kSteps);
      for (std::uint32_t i = 0; i < view.Items(); ++i) {
        const TransitionView item = view.Transition(i, kSteps, 0.99);
        ASSERT_GE(item.next_observation, bytes.data());
        ASSERT_LE(item.next_observation + 4, bytes.data() + bytes.size());
      }
      ++accepted;
    } catch (const WireError&) {
    }
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, 20000);
}

}  // namespace
}  // namespace stillhouse::replay
