#include "learner/distill/many_models.h"

#include <cmath>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "learner/distill/output_losses.h"

namespace stillhouse::learner {
namespace {

using Values = std::vector<double>;

TEST(MixTeachersTest, IsTheMeanOfProbabilitiesNotOfLogits) {
  // One teacher is sure of the first action, three prefer the second mildly.
  const Values teachers = {10, 0, 0, 1, 0, 1, 0, 1};
  const auto mixed = MixTeachers<double>(2, teachers, 4, {}, 1.0);
  const double sure = 1 / (1 + std::exp(-10.0));
  const double mild = 1 / (1 + std::exp(1.0));
  const double first = (sure + 3 * mild) / 4;
  EXPECT_NEAR(mixed[0], std::log(first), 1e-12);
  EXPECT_NEAR(mixed[1], std::log(1 - first), 1e-12);
  EXPECT_LT(first, 0.5);  // the mean of the logits would prefer the first
}

TEST(MixTeachersTest, WeightsNeedNotSumToOneAndZeroLeavesATeacherOut) {
  const Values teachers = {1, 2, 3, -5, 0, 5};
  const Values one = {3, 0};
  const auto mixed = MixTeachers<double>(3, teachers, 2, one, 2.0);
  const Values alone(teachers.begin(), teachers.begin() + 3);
  const auto same = MixTeachers<double>(3, alone, 1, {}, 2.0);
  for (std::size_t a = 0; a < 3; ++a) {
    EXPECT_NEAR(mixed[a], same[a], 1e-12);
    EXPECT_NEAR(mixed[a] - mixed[0], teachers[a] - teachers[0], 1e-12);
  }
}

TEST(MixTeachersTest, StaysFiniteAtTenThousandAndKeepsToLegalActions) {
  const std::vector<float> teachers = {1e4F, -1e4F, 0, -1e4F, 1e4F, 7};
  const std::vector<std::uint8_t> legal = {1, 1, 0};
  const auto mixed = MixTeachers<float>(3, teachers, 2, {}, 0.01F, legal);
  EXPECT_NEAR(mixed[0], 0.01F * std::log(0.5F), 1e-6);
  EXPECT_NEAR(mixed[1], 0.01F * std::log(0.5F), 1e-6);
  EXPECT_EQ(mixed[2], 0);
}

TEST(MixTeachersTest, RefusesSizesAndWeightsThatDoNotFit) {
  const Values teachers(6), zero(2), negative = {1, -1}, three(3, 1.0);
  const std::vector<std::uint8_t> short_legal(2, 1);
  EXPECT_THROW(MixTeachers<double>(4, teachers, 2, {}, 1.0), ShapeError);
  for (const auto& weights : {zero, negative, three}) {
    EXPECT_THROW(MixTeachers<double>(3, teachers, 2, weights, 1.0), ShapeError);
  }
  EXPECT_THROW(MixTeachers<double>(3, teachers, 2, {}, 1.0, short_legal), ShapeError);
}

TEST(MutualLossTest, WithoutCouplingIsTwoTrainingsBitForBit) {
  const Values students = {0.1, 0.5, -0.3, 1.5, -0.2, 0.7};
  const std::vector<std::int32_t> labels = {2};
  const auto together = ComputeMutualLoss<double>(3, students, 2, labels, 2.0, true, 0.0);
  const std::span<const double> both(students);
  for (std::size_t k = 0; k < 2; ++k) {
    const auto alone = ComputeMutualLoss<double>(3, both.subspan(3 * k, 3), 1, labels, 2.0, true);
    EXPECT_EQ(together.loss[k], alone.loss[0]);
    for (std::size_t a = 0; a < 3; ++a) {
      EXPECT_EQ(together.gradient[3 * k + a], alone.gradient[a]);
    }
  }
  const auto coupled = ComputeMutualLoss<double>(3, students, 2, labels, 2.0, true, 0.5);
  EXPECT_NE(coupled.gradient, together.gradient);
}

TEST(MutualLossTest, TheOtherModelGetsNoGradient) {
  Values students = {0.1, 0.5, -0.3, 1.5, -0.2, 0.7};
  const std::vector<std::int32_t> labels = {0};
  const auto result = ComputeMutualLoss<double>(3, students, 2, labels, 1.0, false);
  // Each block is the gradient of its own loss with the other model held still.
  for (std::size_t i = 0; i < students.size(); ++i) {
    constexpr double kStep = 1e-6;
    const double middle = students[i];
    students[i] = middle + kStep;
    const double up = ComputeMutualLoss<double>(3, students, 2, labels, 1.0, false).loss[i / 3];
    students[i] = middle - kStep;
    const double down = ComputeMutualLoss<double>(3, students, 2, labels, 1.0, false).loss[i / 3];
    students[i] = middle;
    EXPECT_NEAR(result.gradient[i], (up - down) / (2 * kStep), 1e-8);
  }
}

TEST(KickstartWeightTest, IsTheShareThatTheStudentLacks) {
  EXPECT_DOUBLE_EQ(KickstartWeight(25, 100), 0.75);
  EXPECT_EQ(KickstartWeight(120, 100), 0);
  EXPECT_EQ(KickstartWeight(-50, 100), 1);
  EXPECT_EQ(KickstartWeight(10, 0), 0);
}

}  // namespace
}  // namespace stillhouse::learner
