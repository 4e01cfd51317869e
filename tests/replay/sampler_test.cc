#include "replay/sampler.h"

#include <cmath>

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace stillhouse::replay {
namespace {

ReplaySettings Settings(WeightNormalization normalization = WeightNormalization::kBatch) {
  ReplaySettings settings;
  settings.beta = 0.5;
  settings.weight_normalization = normalization;
  return settings;
}

ShardTotals Totals(double mass, std::uint64_t size, double least = 0) {
  ShardTotals totals;
  totals.mass = mass;
  totals.size = size;
  totals.min_priority = least;
  return totals;
}

/// A reply of one-byte observations whose rows all have `priority`.
SampleReply Reply(const SampleRequest& request, const ShardTotals& totals, double priority,
                  std::uint8_t name) {
  SampleReply reply;
  reply.request = request.request;
  reply.totals = totals;
  for (std::size_t i = 0; i < request.offsets.size(); ++i) {
    reply.handles.push_back(i);
    reply.priorities.push_back(priority);
    reply.actions.push_back(name);
    reply.rewards.push_back(1);
    reply.discounts.push_back(0.5);
    reply.observations.push_back(name);
    reply.next_observations.push_back(static_cast<std::uint8_t>(name + 1));
  }
  return reply;
}

TEST(SamplerTest, DrawsNothingUntilSomeShardIsKnownToHoldSomething) {
  Sampler sampler(2, Settings());
  Rng rng(1);
  EXPECT_TRUE(sampler.Draw(4, rng).empty());
  const auto poll = sampler.Poll();
  ASSERT_EQ(poll.size(), 2U);
  EXPECT_TRUE(poll[0].offsets.empty());
  EXPECT_FALSE(sampler.Accept(0, Reply(poll[0], Totals(3, 3), 1, 0)).has_value());
  EXPECT_EQ(sampler.Draw(4, rng).size(), 2U);
}

TEST(SamplerTest, AsksEveryShardAndJoinsInDrawOrder) {
  Sampler sampler(3, Settings());
  sampler.Learn(0, Totals(1, 1));
  sampler.Learn(2, Totals(3, 3));
  Rng rng(1);
  const auto requests = sampler.Draw(8, rng);
  ASSERT_EQ(requests[0].offsets.size(), 2U);  // a quarter of the mass, stratified
  ASSERT_EQ(requests[1].offsets.size(), 0U);
  ASSERT_EQ(requests[2].offsets.size(), 6U);
  EXPECT_FALSE(sampler.Accept(2, Reply(requests[2], Totals(3, 3), 1, 20)));
  EXPECT_FALSE(sampler.Accept(1, Reply(requests[1], Totals(0, 0), 1, 10)));
  const auto batch = sampler.Accept(0, Reply(requests[0], Totals(1, 1), 1, 0));
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(batch->shards, (std::vector<std::uint32_t>{0, 0, 2, 2, 2, 2, 2, 2}));
  EXPECT_EQ(batch->handles, (std::vector<ItemHandle>{0, 1, 0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(batch->observations[1], 0);
  EXPECT_EQ(batch->observations[2], 20);
  EXPECT_EQ(batch->next_observations[2], 21);
  for (const double p : batch->probabilities) EXPECT_DOUBLE_EQ(p, 0.25);
  for (const float w : batch->weights) EXPECT_EQ(w, 1.0F);
  EXPECT_EQ(sampler.Pending(), 0U);
}

TEST(SamplerTest, ProbabilitiesAreExactWhileTheShardsChange) {
  Sampler sampler(2, Settings());
  sampler.Learn(0, Totals(1, 4));
  sampler.Learn(1, Totals(3, 12));
  Rng rng(1);
  const auto requests = sampler.Draw(4, rng);
  // Shard 1 has grown to mass 6 meanwhile; a row of priority 2 there was drawn with 3/4 * 2/6.
  sampler.Accept(0, Reply(requests[0], Totals(1, 4), 0.5, 0));
  const auto batch = sampler.Accept(1, Reply(requests[1], Totals(6, 16), 2, 1));
  ASSERT_TRUE(batch.has_value());
  EXPECT_DOUBLE_EQ(batch->probabilities[0], 0.25 * 0.5);
  EXPECT_DOUBLE_EQ(batch->probabilities[1], 0.75 * 2 / 6);
  // (N P)^-1/2 over the largest, which is row 0's: sqrt(0.125 / 0.25)
  EXPECT_FLOAT_EQ(batch->weights[0], 1.0F);
  EXPECT_FLOAT_EQ(batch->weights[1], static_cast<float>(std::sqrt(0.5)));
}

TEST(SamplerTest, NormalisesByTheLeastPriorityOfTheWholeStoreWhenAsked) {
  Sampler sampler(2, Settings(WeightNormalization::kStore));
  sampler.Learn(0, Totals(2, 2, 0.5));
  sampler.Learn(1, Totals(2, 2, 0.125));
  Rng rng(1);
  const auto requests = sampler.Draw(2, rng);
  sampler.Accept(0, Reply(requests[0], Totals(2, 2, 0.5), 0.5, 0));
  const auto batch = sampler.Accept(1, Reply(requests[1], Totals(2, 2, 0.125), 0.125, 0));
  ASSERT_TRUE(batch.has_value());
  EXPECT_FLOAT_EQ(batch->weights[0], 0.5F);  // sqrt(0.125 / 0.5)
  EXPECT_FLOAT_EQ(batch->weights[1], 1.0F);
}

TEST(SamplerTest, AShardThatHasRunEmptyMakesTheBatchShorter) {
  Sampler sampler(2, Settings());
  sampler.Learn(0, Totals(1, 1));
  sampler.Learn(1, Totals(1, 1));
  Rng rng(1);
  const auto requests = sampler.Draw(4, rng);
  sampler.Accept(0, Reply(requests[0], Totals(1, 1), 1, 0));
  SampleReply empty;
  empty.request = requests[1].request;
  const auto batch = sampler.Accept(1, empty);
  ASSERT_TRUE(batch.has_value());
  EXPECT_EQ(batch->Size(), 2U);
  EXPECT_EQ(batch->observations.size(), 2U);
  EXPECT_EQ(sampler.TotalMass(), 1);
}

TEST(SamplerTest, SeveralDrawsMayBeUnderWay) {
  Sampler sampler(2, Settings());
  sampler.Learn(0, Totals(1, 1));
  sampler.Learn(1, Totals(1, 1));
  Rng rng(1);
  const auto first = sampler.Draw(4, rng);
  const auto second = sampler.Draw(4, rng);
  sampler.Accept(0, Reply(second[0], Totals(1, 1), 1, 2));
  sampler.Accept(0, Reply(first[0], Totals(1, 1), 1, 1));
  const auto late = sampler.Accept(1, Reply(second[1], Totals(1, 1), 1, 2));
  ASSERT_TRUE(late.has_value());
  EXPECT_EQ(late->id, second[0].request);
  EXPECT_EQ(late->actions, (std::vector<std::int32_t>{2, 2, 2, 2}));
  EXPECT_EQ(sampler.Pending(), 1U);
  sampler.Forget();
  EXPECT_FALSE(sampler.Accept(1, Reply(first[1], Totals(1, 1), 1, 1)));
}

TEST(SamplerTest, RefusesMoreRowsThanWereAskedFor) {
  Sampler sampler(1, Settings());
  sampler.Learn(0, Totals(1, 1));
  Rng rng(1);
  auto request = sampler.Draw(2, rng)[0];
  request.offsets.push_back(0);
  EXPECT_THROW(sampler.Accept(0, Reply(request, Totals(1, 1), 1, 0)), WireError);
}

TEST(SamplerTest, SplitsErrorsByShard) {
  const Sampler sampler(3, Settings());
  Batch batch;
  batch.shards = {0, 2, 0};
  batch.handles = {10, 20, 30};
  const auto updates = sampler.Split(batch, std::vector<float>{1, 2, 3});
  EXPECT_EQ(updates[0].handles, (std::vector<ItemHandle>{10, 30}));
  EXPECT_EQ(updates[0].td_errors, (std::vector<float>{1, 3}));
  EXPECT_TRUE(updates[1].handles.empty());
  EXPECT_EQ(updates[2].td_errors, (std::vector<float>{2}));
}

TEST(SamplerTest, ADeadShardIsDrawnFromNoMoreAndItsUnansweredDrawsAreForgotten) {
  Sampler sampler(2, Settings());
  sampler.Learn(0, Totals(1, 4));
  sampler.Learn(1, Totals(3, 12));
  Rng rng(1);
  const auto answered = sampler.Draw(4, rng);
  const auto open = sampler.Draw(4, rng);
  EXPECT_FALSE(sampler.Accept(1, Reply(answered[1], Totals(3, 12), 1, 1)));
  EXPECT_FALSE(sampler.Accept(0, Reply(open[0], Totals(1, 4), 1, 0)));
  EXPECT_EQ(sampler.ShardDown(1), 1U);
  EXPECT_EQ(sampler.ShardDown(1), 0U);
  EXPECT_EQ(sampler.TotalMass(), 1);
  EXPECT_EQ(sampler.Size(), 4U);
  // What it had answered is whole; what it says late changes nothing.
  EXPECT_TRUE(sampler.Accept(0, Reply(answered[0], Totals(1, 4), 1, 0)));
  EXPECT_FALSE(sampler.Accept(1, Reply(open[1], Totals(3, 12), 1, 1)));
  EXPECT_EQ(sampler.TotalMass(), 1);
  EXPECT_EQ(sampler.Pending(), 0U);
}

TEST(SamplerTest, AfterADeathTheDistributionIsThatOfTheSurvivors) {
  Sampler sampler(3, Settings(WeightNormalization::kStore));
  for (std::uint32_t k = 0; k < 3; ++k) sampler.Learn(k, Totals(2, 4, 0.5));
  sampler.ShardDown(1);
  Rng rng(1);
  const auto requests = sampler.Draw(4, rng);
  EXPECT_TRUE(requests[1].offsets.empty());
  EXPECT_FALSE(sampler.Accept(0, Reply(requests[0], Totals(2, 4, 0.5), 0.5, 0)));
  const auto batch = sampler.Accept(2, Reply(requests[2], Totals(2, 4, 0.5), 0.5, 2));
  ASSERT_TRUE(batch.has_value());
  ASSERT_EQ(batch->Size(), 4U);
  for (const double p : batch->probabilities) EXPECT_DOUBLE_EQ(p, 0.5 * 0.5 / 2);
  for (const float w : batch->weights) EXPECT_FLOAT_EQ(w, 1.0F);
}

}  // namespace
}  // namespace stillhouse::replay
