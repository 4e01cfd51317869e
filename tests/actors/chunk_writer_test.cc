#include "actors/chunk_writer.h"

#include <cmath>
#include <cstring>
#include <vector>

#include <gtest/gtest.h>

#include "common/base/rng.h"

namespace stillhouse::actors {
namespace {

// One environment's whole life, kept by the test: step t went from states[t] to states[t + 1], or
// to finals[t] when it ended its episode (states[t + 1] is then the next episode's first).
struct Stream {
  struct Step {
    std::int32_t action;
    float reward;
    std::uint8_t flags;
    float q;
    float value;        ///< of the state before
    float final_state;  ///< when truncated
    float final_value;
  };
  std::vector<float> states;
  std::vector<Step> steps;
};

Stream RandomStream(std::size_t length, Rng& rng) {
  Stream stream;
  for (std::size_t t = 0; t < length; ++t) {
    stream.states.push_back(static_cast<float>(t));
    Stream::Step step{};
    step.action = static_cast<std::int32_t>(rng.Below(3));
    step.reward = static_cast<float>(rng.Uniform());
    const double end = rng.Uniform();
    step.flags = end < 0.1    ? replay::kTerminated
                 : end < 0.2  ? replay::kTruncated
                 : end < 0.25 ? replay::kTerminated | replay::kTruncated
                              : 0;
    step.q = static_cast<float>(rng.Uniform());
    step.value = static_cast<float>(rng.Uniform() * 5);
    step.final_state = -static_cast<float>(t);
    step.final_value = static_cast<float>(rng.Uniform() * 5);
    stream.steps.push_back(step);
  }
  return stream;
}

struct Expected {
  double reward = 0;
  double discount = 1;
  float next_state = 0;
  double td_error = 0;
};

/// The textbook's sum, written the long way round.
Expected BruteForce(const Stream& stream, std::size_t t, std::uint32_t n, double gamma) {
  Expected expected;
  double value = 0;
  std::size_t k = t;
  while (true) {
    const auto& step = stream.steps[k];
    expected.reward += std::pow(gamma, static_cast<double>(k - t)) * step.reward;
    ++k;
    if ((step.flags & replay::kTerminated) != 0) {
      expected.discount = 0;
      break;
    }
    expected.discount = std::pow(gamma, static_cast<double>(k - t));
    if ((step.flags & replay::kTruncated) != 0) {
      expected.next_state = step.final_state;
      value = step.final_value;
      break;
    }
    if (k == t + n) {
      expected.next_state = stream.states[k];
      value = stream.steps[k].value;
      break;
    }
  }
  expected.td_error = std::abs(expected.reward + expected.discount * value - stream.steps[t].q);
  return expected;
}

std::span<const std::uint8_t> Bytes(const float& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)};
}

std::vector<replay::ExperienceChunk> Write(const Stream& stream, const ChunkSettings& settings,
                                           std::uint32_t first_items, bool with_network = true) {
  ChunkWriter writer(settings, first_items);
  std::vector<replay::ExperienceChunk> chunks;
  for (std::size_t t = 0; t < stream.steps.size(); ++t) {
    const auto& step = stream.steps[t];
    const auto known = [&](float v) { return with_network ? std::optional(v) : std::nullopt; };
    auto chunk = writer.AddState(Bytes(stream.states[t]), known(step.value), 7);
    if (chunk) chunks.push_back(std::move(*chunk));
    if (step.flags == replay::kTruncated) {
      writer.AddTruncatedStep(step.action, step.q, step.reward, Bytes(step.final_state),
                              known(step.final_value));
    } else {
      writer.AddStep(step.action, step.q, step.reward, step.flags);
    }
  }
  return chunks;
}

EnvironmentSpec Spec() {
  EnvironmentSpec spec;
  spec.id = "test";
  spec.observation = {ElementKind::kFloats, {1}};
  spec.num_actions = 3;
  spec.action_names = {"a", "b", "c"};
  spec.canonical_action = {0, 1, 2};
  return spec;
}

float ReadFloat(const std::uint8_t* at) {
  float value = 0;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

TEST(ChunkWriterTest, EveryStepBecomesOneItemWithItsBruteForceNStepReturn) {
  const double gamma = 0.9;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const auto n = static_cast<std::uint32_t>(1 + rng.Below(5));
    const auto items = static_cast<std::uint32_t>(1 + rng.Below(12));
    const Stream stream = RandomStream(200, rng);
    const auto first = static_cast<std::uint32_t>(1 + rng.Below(items));
    const auto chunks = Write(stream, {sizeof(float), items, n, gamma}, first);
    std::size_t t = 0;
    for (auto chunk : chunks) {
      ASSERT_EQ(chunk.td_errors.size(), t == 0 ? first : items);
      EXPECT_EQ(chunk.weights_version, 7U);
      chunk.sequence = 1;  // the sender's business
      const auto bytes = chunk.Encode(Spec());
      const replay::ChunkView view(bytes, Spec(), n);
      for (std::uint32_t i = 0; i < view.Items(); ++i, ++t) {
        SCOPED_TRACE(t);
        const Expected expected = BruteForce(stream, t, n, gamma);
        const auto item = view.Transition(i, n, gamma);
        EXPECT_EQ(ReadFloat(item.observation), stream.states[t]);
        EXPECT_EQ(item.action, stream.steps[t].action);
        EXPECT_NEAR(item.reward, expected.reward, 1e-5);  // float sums
        EXPECT_NEAR(item.discount, expected.discount, 1e-6);
        if (item.discount > 0) {
          EXPECT_EQ(ReadFloat(item.next_observation), expected.next_state);
        }
        EXPECT_NEAR(view.TdError(i), expected.td_error, 1e-5);
      }
    }
    // All that could be complete is: nothing but the last, open windows is missing.
    EXPECT_GE(t + items + n, stream.steps.size());
  }
}

TEST(ChunkWriterTest, AChunkHoldsEachObservationOnce) {
  Rng rng(1);
  Stream stream = RandomStream(100, rng);
  for (auto& step : stream.steps) step.flags = 0;
  const auto chunks = Write(stream, {sizeof(float), 10, 3, 0.99}, 10);
  ASSERT_GE(chunks.size(), 2U);
  // 10 items, 2 steps of look-ahead, and the state after the last one.
  EXPECT_EQ(chunks[1].observations.size(), 13 * sizeof(float));
  EXPECT_EQ(chunks[1].actions.size(), 12U);
}

TEST(ChunkWriterTest, WithoutANetworkItemsGetThePriorityOfUnjudgedOnes) {
  Rng rng(2);
  const auto chunks = Write(RandomStream(50, rng), {sizeof(float), 5, 3, 0.99}, 5, false);
  ASSERT_FALSE(chunks.empty());
  for (const auto& chunk : chunks) {
    for (const float error : chunk.td_errors) EXPECT_EQ(error, ChunkWriter::kUnjudged);
  }
}

TEST(ChunkWriterTest, AnInfiniteValueNeverReachesTheStore) {
  Rng rng(3);
  Stream stream = RandomStream(50, rng);
  for (auto& step : stream.steps) step.q = INFINITY;
  for (const auto& chunk : Write(stream, {sizeof(float), 5, 3, 0.99}, 5)) {
    for (const float error : chunk.td_errors) EXPECT_TRUE(std::isfinite(error));
  }
}

}  // namespace
}  // namespace stillhouse::actors
