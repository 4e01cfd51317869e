#include "learner/distill/adversary.h"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "learner/distill/students.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

constexpr std::uint32_t kActions = 4;
constexpr std::uint32_t kRows = 6;

Adversary Make(double tau = 2) {
  Rng rng(5);
  return {kActions, 8, tau, OptimizerSettings{.learning_rate = 0.01}, rng};
}

TEST(AdversaryTest, L16TheGradientIsThatOfTheReportedLoss) {
  Rng rng(101);
  auto student = RandomFloats(kRows * kActions, rng, 2);
  const auto labels = RandomFloats(kRows * kActions, rng, 2);
  const Adversary adversary = Make();
  const auto result = adversary.Evaluate(student, labels, 0.5);
  for (std::size_t i = 0; i < student.size(); ++i) {
    const float at = student[i];
    student[i] = at + 0.01F;
    const double above = adversary.Evaluate(student, labels, 0.5).loss;
    student[i] = at - 0.01F;
    const double below = adversary.Evaluate(student, labels, 0.5).loss;
    student[i] = at;
    EXPECT_NEAR(static_cast<double>(result.gradient[i]), (above - below) / 0.02, 1e-6);
  }
}

TEST(AdversaryTest, LearnsToTellTheTwoApartAndCannotWhereTheyAreAlike) {
  Rng rng(102);
  Adversary apart = Make(), alike = Make();
  for (int step = 0; step < 2000; ++step) {
    const auto soft = RandomFloats(kRows * kActions, rng, 0.5);
    apart.Learn(soft, RandomFloats(kRows * kActions, rng, 8), 1);
    alike.Learn(soft, RandomFloats(kRows * kActions, rng, 0.5), 1);
  }
  const auto soft = RandomFloats(100 * kActions, rng, 0.5);
  EXPECT_GT(apart.Evaluate(soft, soft, 1).loss, 1.5);  // the student is found out
  EXPECT_NEAR(alike.Evaluate(soft, soft, 1).loss, std::numbers::ln2, 0.1);
}

TEST(AdversaryTest, IsFiniteForGreatOutputsAndRefusesSizesThatDoNotFit) {
  const std::vector<float> great = {1e4F, -1e4F, 0, 1}, small = {-1e4F, 1e4F, 5, 0};
  const auto result = Make(0.01).Evaluate(great, small, 1);
  EXPECT_TRUE(std::isfinite(result.loss));
  for (const float value : result.gradient) EXPECT_TRUE(std::isfinite(value));
  EXPECT_THROW(Make().Learn(great, std::vector<float>(8), 1), ShapeError);
}

Students Host(double weight, bool made) {
  const auto spec = NetworkSpec::Create({kFlattenLayer, Linear(12), kReluLayer, Head(false)},
                                        TensorSpec{ElementKind::kBits, {4, 10, 10}}, kActions);
  HostedStudent student;
  student.settings.name = "s";
  student.settings.rows = LabelRows::kS;
  student.settings.loss.temper = Temper::kBoth;
  student.settings.loss.temperature = 2;
  student.settings.loss.adversarial_weight = weight;
  Rng rng(6);
  student.model = MakeFusedModel(spec, {}, InitialParameters(spec, rng));
  if (made) student.adversary.emplace(Make());
  std::vector<HostedStudent> students;
  students.push_back(std::move(student));
  return Students(std::move(students), {0, 1, 2, 3});
}

LabelledBatch RandomBatch(Rng& rng) {
  LabelledBatch batch;
  batch.batch = batch.rows = kRows;
  batch.num_actions = kActions;
  batch.weights.assign(kRows, 1.0F);
  batch.labels = RandomFloats(kRows * kActions, rng, 3);
  batch.observations = RandomPacked({ElementKind::kBits, {4, 10, 10}}, kRows, rng);
  return batch;
}

TEST(AdversaryTest, AWeightOfZeroIsTrainingWithoutItBitForBitAndOneMovesTheStudent) {
  Students none = Host(0, false), zero = Host(0, true), some = Host(1, true);
  Rng rng(103);
  for (int update = 0; update < 5; ++update) {
    const auto batch = RandomBatch(rng);
    const double plain = none.Update(batch)[0].loss;
    EXPECT_EQ(zero.Update(batch)[0].loss, plain);
    const double with = some.Update(batch)[0].loss;
    if (update == 0) {
      EXPECT_GT(with, plain);
    }
  }
  EXPECT_EQ(zero.Parameters(0), none.Parameters(0));
  EXPECT_NE(some.Parameters(0), none.Parameters(0));
}

TEST(AdversaryTest, AResumedStudentGoesOnBitForBit) {
  Students whole = Host(1, true), resumed = Host(1, true);
  Rng rng(104);
  for (int update = 0; update < 4; ++update) whole.Update(RandomBatch(rng));
  const StudentState state{4, 1, 0, 0, whole.Save(0)};
  resumed.Load(0, StudentState::Decode(state.Encode()).memory);
  for (int update = 0; update < 4; ++update) {
    const auto batch = RandomBatch(rng);
    EXPECT_EQ(whole.Update(batch)[0].loss, resumed.Update(batch)[0].loss);
  }
  EXPECT_EQ(whole.Parameters(0), resumed.Parameters(0));
  EXPECT_THROW(resumed.Load(0, Host(0, false).Save(0)), ShapeError);
}

}  // namespace
}  // namespace stillhouse::learner
