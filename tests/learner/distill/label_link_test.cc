// Sources that label rows of one context alone.
#include "learner/distill/label_link.h"

#include <cmath>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/context.h"
#include "learner/distill/students.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

constexpr std::uint8_t kA = 0, kB = 2, kC = 3;
constexpr std::uint32_t kRows = 8;
constexpr std::uint32_t kActions = 6;
const std::vector<std::int32_t> kCanonical = {0, 1, 2, 3, 4, 5};

TEST(PartsByContextTest, WeightsAreSharedAmongThoseThatLabelTheRow) {
  const std::vector<LabelLink> links = {
      {.weight = 0.5, .where = kA}, {.weight = 0.25, .where = kB}, {.weight = 0.25, .where = kB}};
  const auto parts = PartsByContext(links, std::vector<std::uint8_t>{kA, kB, kC});
  EXPECT_THAT(parts.of_link[0], ElementsAre(1, 0, 0));
  EXPECT_THAT(parts.of_link[1], ElementsAre(0, 0.5F, 0));
  EXPECT_THAT(parts.of_link[2], ElementsAre(0, 0.5F, 0));
  EXPECT_THAT(parts.labelled, ElementsAre(1, 1, 0));
  const std::vector<LabelLink> some = {{.weight = 0.8}, {.weight = 0.2, .where = kB}};
  const auto always = PartsByContext(some, std::vector<std::uint8_t>{kA, kB});
  EXPECT_THAT(always.of_link[0], ElementsAre(1, 0.8F));
  EXPECT_THAT(always.of_link[1], ElementsAre(0, 0.2F));
}

TEST(PartsByContextTest, WithoutWhereThereAreNone) {
  const std::vector<LabelLink> links = {{.weight = 0.5}, {.student = 1, .weight = 0.5}};
  EXPECT_TRUE(PartsByContext(links, {}).Empty());
  EXPECT_TRUE(PartsByContext(links, std::vector<std::uint8_t>{kA}).Empty());
}

TEST(MixLabelsByRowTest, EachRowIsTheMixtureOfItsSources) {
  Rng rng(5);
  const auto one = RandomFloats(4 * kActions, rng), other = RandomFloats(4 * kActions, rng);
  const std::vector<LabelShare<float>> sources = {{one, 0.5}, {other, 0.5}};
  const std::vector<LabelLink> links = {{.weight = 0.5}, {.weight = 0.5, .where = kB}};
  const std::vector<std::uint8_t> contexts = {kA, kB, kB, kC};
  const auto parts = PartsByContext(links, contexts);
  const auto mixed = MixLabelsByRow(LossKind::kKl, 0.3, kActions, sources, parts, {});
  const auto everywhere = MixLabels<float>(LossKind::kKl, 0.3, kActions, sources);
  for (std::size_t i = 0; i < mixed.size(); ++i) {
    const bool both = contexts[i / kActions] == kB;
    EXPECT_EQ(mixed[i], both ? everywhere[i] : one[i]) << i;
  }
}

TensorSpec Seen() {
  TensorSpec spec{ElementKind::kBits, {4, 10, 10}};
  spec.contexts = 5;
  return spec;
}

NetworkSpec Network() {
  return NetworkSpec::Create({kFlattenLayer, Linear(16), kReluLayer, Head(false)}, Seen(),
                             kActions);
}

HostedStudent Student(std::uint64_t seed, std::vector<LabelLink> links, bool frozen = false) {
  HostedStudent student;
  student.settings.name = "s" + std::to_string(seed);
  student.settings.loss.temperature = 0.1;
  student.settings.frozen = frozen;
  Rng rng(seed);
  const auto spec = Network();
  student.model = MakeFusedModel(spec, student.settings.optimizer, InitialParameters(spec, rng));
  student.links = std::move(links);
  return student;
}

template <typename... Hosted>
Students Host(Hosted... hosted) {
  std::vector<HostedStudent> students;
  (students.push_back(std::move(hosted)), ...);
  return Students(std::move(students), kCanonical);
}

/// Contexts of the rows of s, and the same again for s'.
LabelledBatch BatchOf(const std::vector<std::uint8_t>& contexts, Rng& rng) {
  LabelledBatch batch;
  batch.batch = kRows;
  batch.rows = 2 * kRows;
  batch.num_actions = kActions;
  batch.weights.assign(kRows, 1.0F);
  batch.labels = RandomFloats(batch.rows * kActions, rng);
  batch.rewards = RandomFloats(kRows, rng);
  batch.discounts.assign(kRows, 0.97F);
  for (std::uint32_t row = 0; row < kRows; ++row) {
    batch.actions.push_back(static_cast<std::int32_t>(rng.Below(kActions)));
  }
  const TensorSpec spec = Seen();
  batch.observations = RandomPacked(spec, batch.rows, rng);
  const auto bytes = static_cast<std::size_t>(spec.PackedBytes());
  for (std::size_t row = 0; row < batch.rows; ++row) {
    WriteContext(spec, contexts[row % kRows],
                 std::span(batch.observations).subspan(row * bytes, bytes));
  }
  return batch;
}

const std::vector<std::uint8_t> kMixed = {kA, kB, kA, kC, kB, kB, kA, kC};

TEST(WhereTest, AnExpertLabelsTheRowsOfItsGameAndNobodyTheOthers) {
  Rng rng(9);
  const auto experts = [] { return std::pair(Student(1, {}, true), Student(2, {}, true)); };
  auto [a, b] = experts();
  Students both = Host(std::move(a), std::move(b),
                       Student(3, {{.student = 0, .weight = 0.5, .where = kA},
                                   {.student = 1, .weight = 0.5, .where = kB}}));
  // The same labels, written by hand into a batch, rows of no expert with a weight of 0.
  HostedStudent weighted = Student(3, {LabelLink{}});
  weighted.settings.loss.weighted = true;
  Students by_hand = Host(std::move(weighted));
  const auto before = both.Parameters(0);
  for (int update = 0; update < 4; ++update) {
    LabelledBatch batch = BatchOf(kMixed, rng);
    LabelledBatch made = batch;
    for (const std::size_t expert : {0U, 1U}) {
      auto model = MakeFusedModel(Network(), {}, both.Parameters(expert));
      const PackedRows packed = batch.observations;
      const auto q = model->Forward({&packed, 1});
      for (std::size_t i = 0; i < q.size(); ++i) {
        const std::uint8_t context = kMixed[i / kActions % kRows];
        if (context == (expert == 0 ? kA : kB)) made.labels[i] = q[i];
      }
    }
    for (std::size_t row = 0; row < kRows; ++row) made.weights[row] = kMixed[row] == kC ? 0 : 1;
    const auto steps = both.Update(batch);
    EXPECT_TRUE(steps[0].waited && steps[1].waited) << "a frozen model makes no update";
    EXPECT_EQ(steps[2].loss, by_hand.Update(made)[0].loss);
    EXPECT_GT(steps[2].loss, 0);
  }
  EXPECT_EQ(both.Parameters(2), by_hand.Parameters(0));
  EXPECT_EQ(both.Parameters(0), before) << "an expert stays as it is";
}

TEST(WhereTest, ABatchThatNobodyLabelsTeachesNothing) {
  Rng rng(10);
  Students students = Host(Student(1, {}, true), Student(3, {{.student = 0, .where = kA}}));
  const auto before = students.Parameters(1);
  const auto steps = students.Update(BatchOf(std::vector<std::uint8_t>(kRows, kB), rng));
  EXPECT_EQ(steps[1].loss, 0);
  EXPECT_EQ(steps[1].agreement, 0);
  EXPECT_EQ(students.Parameters(1), before);
}

TEST(WhereTest, RowsOfAnotherGameGetNoGradientHoweverWildTheirLabels) {
  Rng rng(11);
  Students tame = Host(Student(3, {{.where = kA}}));
  Students wild = Host(Student(3, {{.where = kA}}));
  for (int update = 0; update < 3; ++update) {
    LabelledBatch batch = BatchOf(kMixed, rng);
    const auto steps = tame.Update(batch);
    for (std::size_t i = 0; i < batch.labels.size(); ++i) {
      if (kMixed[i / kActions % kRows] != kA) batch.labels[i] = i % 2 == 0 ? 1e4F : -1e4F;
    }
    const auto same = wild.Update(batch);
    EXPECT_EQ(same[0].loss, steps[0].loss);
    EXPECT_EQ(same[0].agreement, steps[0].agreement) << "of the rows that are labelled";
    EXPECT_TRUE(std::isfinite(same[0].loss));
  }
  EXPECT_EQ(tame.Parameters(0), wild.Parameters(0));
}

TEST(WhereTest, RewardsOfAnotherGameTeachNothing) {
  const auto learner = [] {
    HostedStudent student = Student(4, {});
    student.settings.rewards = RewardSettings{.target_update = 3, .lambda = {}};
    student.rewards_where = kB;
    return student;
  };
  Rng rng(12);
  Students one = Host(learner()), other = Host(learner());
  for (int update = 0; update < 3; ++update) {
    LabelledBatch batch = BatchOf(kMixed, rng);
    const double loss = one.Update(batch)[0].loss;
    for (std::size_t row = 0; row < kRows; ++row) {
      if (kMixed[row] != kB) batch.rewards[row] = 50;
    }
    EXPECT_EQ(other.Update(batch)[0].loss, loss);
    for (std::size_t row = 0; row < kRows; ++row) {
      if (kMixed[row] == kB) batch.rewards[row] += 1;
    }
  }
  EXPECT_EQ(one.Parameters(0), other.Parameters(0));
}

TEST(WhereTest, WhatEachSourceAsksForAddsUp) {
  Rng rng(13);
  Students students = Host(Student(1, {}, true), Student(2, {}, true),
                           Student(3, {{.student = 0, .weight = 0.5, .where = kA},
                                       {.student = 1, .weight = 0.5, .where = kB}}));
  StudentTurn turn;
  turn.measure = true;
  const auto steps = students.Update(BatchOf(kMixed, rng), turn);
  EXPECT_FALSE(steps[2].changes.Empty());
}

}  // namespace
}  // namespace stillhouse::learner
