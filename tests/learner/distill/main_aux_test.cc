// L12: a main and an auxiliary model on the truth and on each other; taking turns; shuffled labels.
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "learner/distill/shuffle.h"
#include "learner/distill/students.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

constexpr std::uint32_t kRows = 16;
constexpr std::uint32_t kActions = 6;
const std::vector<std::int32_t> kCanonical = {0, 1, 2, 3, 4, 5};

NetworkSpec Network(std::int64_t units) {
  return NetworkSpec::Create({kFlattenLayer, Linear(units), kReluLayer, Head(false)},
                             TensorSpec{ElementKind::kBits, {4, 10, 10}}, kActions);
}

/// l(y, f) + coupling * KL(other, f), or l(y, f) alone.
HostedStudent Student(std::int64_t units, std::vector<LabelLink> links, double coupling,
                      std::int64_t rounds = 0) {
  HostedStudent student;
  student.settings.name = "of" + std::to_string(units);
  student.settings.rows = LabelRows::kS;
  student.settings.loss.label = LabelBy::kTruth;
  student.settings.loss.temper = Temper::kBoth;
  student.settings.loss.temperature = 2;
  student.settings.loss.soft_weight = coupling;
  student.settings.loss.hard_weight = 1;
  student.settings.rounds = rounds;
  Rng rng(static_cast<std::uint64_t>(units));
  const auto spec = Network(units);
  student.model = MakeFusedModel(spec, student.settings.optimizer, InitialParameters(spec, rng));
  student.links = std::move(links);
  return student;
}

Students Alone(std::int64_t units) {
  std::vector<HostedStudent> students;
  students.push_back(Student(units, {}, 0));
  students[0].settings.loss.kind = LossKind::kNll;
  students[0].settings.loss.soft_weight = 1;
  students[0].settings.loss.hard_weight = 0;
  return Students(std::move(students), kCanonical);
}

Students Pair(double coupling, std::int64_t rounds = 0) {
  std::vector<HostedStudent> students;
  students.push_back(Student(32, {LabelLink{1, 1}}, coupling, rounds));
  students.push_back(Student(16, {LabelLink{0, 1}}, coupling, rounds));
  return Students(std::move(students), kCanonical);
}

LabelledBatch RandomBatch(Rng& rng, std::uint32_t times = 1) {
  LabelledBatch batch;
  batch.sequence = rng();
  batch.batch = kRows;
  batch.rows = times * kRows;
  batch.num_actions = kActions;
  batch.weights.assign(kRows, 1.0F);
  batch.labels = RandomFloats(batch.rows * kActions, rng);
  for (std::uint32_t row = 0; row < kRows; ++row) {
    batch.truths.push_back(static_cast<std::int32_t>(rng.Below(kActions)));
  }
  batch.observations = RandomPacked(Network(4).Observation(), batch.rows, rng);
  return batch;
}

TEST(MainAuxTest, L12WithoutCouplingIsTwoIndependentTrainingsBitForBit) {
  Students uncoupled = Pair(0), coupled = Pair(0.5);
  Students main = Alone(32), auxiliary = Alone(16);
  Rng rng(81);
  for (int update = 0; update < 20; ++update) {
    const auto batch = RandomBatch(rng);
    coupled.Update(batch);
    const auto steps = uncoupled.Update(batch);
    EXPECT_EQ(steps[0].loss, main.Update(batch)[0].loss);
    EXPECT_EQ(steps[1].loss, auxiliary.Update(batch)[0].loss);
  }
  EXPECT_EQ(uncoupled.Parameters(0), main.Parameters(0));
  EXPECT_EQ(uncoupled.Parameters(1), auxiliary.Parameters(0));
  EXPECT_NE(coupled.Parameters(0), main.Parameters(0));
  EXPECT_NE(coupled.Parameters(1), auxiliary.Parameters(0));
}

TEST(MainAuxTest, RoundsTakeTurnsAndAResumedPairGoesOnWithTheSameOne) {
  Students pair = Pair(0.5, 3), resumed = Pair(0.5, 3);
  Rng rng(82);
  for (int update = 0; update < 20; ++update) {
    const bool turn_of_main = update / 3 % 2 == 0;
    const auto main = pair.Parameters(0), auxiliary = pair.Parameters(1);
    const auto batch = RandomBatch(rng);
    const auto steps = pair.Update(batch);
    EXPECT_EQ(steps[0].waited, !turn_of_main) << update;
    EXPECT_EQ(steps[1].waited, turn_of_main) << update;
    EXPECT_EQ(pair.Parameters(0) == main, !turn_of_main);
    EXPECT_EQ(pair.Parameters(1) == auxiliary, turn_of_main);
    if (update == 7) {
      for (std::size_t k = 0; k < 2; ++k) resumed.Load(k, pair.Save(k));
    } else if (update > 7) {
      resumed.Update(batch);
    }
  }
  EXPECT_EQ(resumed.Parameters(0), pair.Parameters(0));
  EXPECT_EQ(resumed.Parameters(1), pair.Parameters(1));
}

TEST(TruthLabelTest, ABatchWithoutTruthsIsRefusedAndTheTeachersLabelIsNotUsed) {
  Rng rng(83);
  auto batch = RandomBatch(rng);
  Students one = Alone(16), other = Alone(16);
  one.Update(batch);
  batch.labels = RandomFloats(batch.labels.size(), rng);
  other.Update(batch);
  EXPECT_EQ(one.Parameters(0), other.Parameters(0));
  batch.truths.clear();
  EXPECT_THROW(one.Update(batch), ShapeError);
}

TEST(ShuffledLabelsTest, EveryLabelStaysInItsHalfAndSomeMove) {
  Rng rng(84);
  auto batch = RandomBatch(rng, 2);
  for (std::size_t row = 0; row < batch.rows; ++row) {
    for (std::size_t a = 0; a < kActions; ++a) {
      batch.labels[row * kActions + a] = static_cast<float>(10 * row + a);
    }
  }
  batch.others = {{LabelChoice::kAverage, 0, batch.labels}};
  for (std::size_t row = 0; row < kRows; ++row) batch.truths[row] = static_cast<int>(row % 6);
  const auto mixed = WithShuffledLabels(batch);
  EXPECT_EQ(mixed.observations, batch.observations);
  EXPECT_EQ(mixed.others[0].labels, mixed.labels);
  EXPECT_NE(mixed.labels, batch.labels);
  std::vector<int> seen(batch.rows, 0);
  for (std::size_t row = 0; row < batch.rows; ++row) {
    const auto from = static_cast<std::size_t>(mixed.labels[row * kActions]) / 10;
    EXPECT_EQ(mixed.labels[row * kActions + 5], static_cast<float>(10 * from + 5));
    EXPECT_EQ(from / kRows, row / kRows);
    if (row < kRows) {
      EXPECT_EQ(mixed.truths[row], batch.truths[from]);
    }
    ++seen[from];
  }
  EXPECT_EQ(seen, std::vector<int>(batch.rows, 1));
  EXPECT_EQ(WithShuffledLabels(batch).labels, mixed.labels);
}

}  // namespace
}  // namespace stillhouse::learner
