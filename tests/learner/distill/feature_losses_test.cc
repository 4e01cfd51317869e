// What every loss between features must do, for every line of FeatureLossTable.
#include "learner/distill/feature_losses.h"

#include <cmath>
#include <map>
#include <numbers>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/rng.h"
#include "learner/distill/factor_transfer.h"

namespace stillhouse::learner {
namespace {

using Values = std::vector<double>;

constexpr std::size_t kRows = 5;
constexpr FeatureShape kStudent{3, 4};
constexpr FeatureShape kTeacher{6, 4};

Values Random(std::size_t count, Rng& rng, double scale = 1) {
  Values values(count);
  for (double& value : values) value = (2 * rng.Uniform() - 1) * scale;
  return values;
}

class FeatureBattery : public ::testing::TestWithParam<FeatureLossEntry> {
 protected:
  FeatureLoss<double> Compute(const Values& student, const Values& weights = {}) const {
    return ComputeFeatureLoss<double>(
        GetParam().kind, {kStudent, kTeacher, student, teacher_, parameters_, weights});
  }

  Rng rng_{51};
  Values student_ = Random(kRows * kStudent.Size(), rng_);
  const Values teacher_ = Random(kRows * kTeacher.Size(), rng_);
  Values parameters_ = Random(FeatureParameters(GetParam().kind, kStudent, kTeacher), rng_);
};

struct WorkedByHand {
  FeatureShape student_shape, teacher_shape;
  Values student, teacher, parameters;
  double loss;
};

WorkedByHand ByHand(const std::string& name) {
  const double high = std::numbers::sqrt3 / 2;
  const Values equilateral = {0, 0, 1, 0, 0.5, high};
  const double off = 1 / std::numbers::sqrt2 - 0.5;
  const std::map<std::string, WorkedByHand> known = {
      // W f + b = (1, 2, 1 + 2 + 1)
      {"hint", {{2}, {3}, {1, 2}, {0, 0, 0}, {1, 0, 0, 1, 1, 1, 0, 0, 1}, 7}},
      // Maps (9, 16) / sqrt(337) and (1, 0).
      {"attention",
       {{1, 2},
        {1, 2},
        {3, -4},
        {1, 0},
        {},
        (std::pow(9 / std::sqrt(337.0) - 1, 2) + 256 / 337.0) / 2}},
      // Factors (0.6, 0.8) against (1, 0).
      {"autoencoder", {{2}, {2}, {3, 4}, {5, 0}, {1, 0, 0, 1}, (0.4 + 0.8) / 2}},
      // Distances 1, 3, 2 over their mean 2 against 1, 1, 1.
      {"relational_distance", {{1}, {2}, {0, 1, 3}, equilateral, {}, 0.25 / 3}},
      // Cosines 0, 1/sqrt 2, 1/sqrt 2 against 1/2 thrice.
      {"relational_angle",
       {{2}, {2}, {0, 0, 1, 0, 0, 1}, equilateral, {}, (0.125 + off * off) / 3}},
  };
  const auto found = known.find(name);
  if (found != known.end()) return found->second;
  ADD_FAILURE() << name << " has no vector worked out by hand";
  return known.begin()->second;
}

TEST_P(FeatureBattery, EqualsAVectorWorkedOutByHand) {
  const auto hand = ByHand(std::string(GetParam().name));
  const auto loss = ComputeFeatureLoss<double>(
      GetParam().kind,
      {hand.student_shape, hand.teacher_shape, hand.student, hand.teacher, hand.parameters});
  EXPECT_NEAR(loss.loss, hand.loss, 1e-14);
}

TEST_P(FeatureBattery, GradientsEqualFiniteDifferences) {
  const Values weights = {1, 0.5, 2, 0, 0.25};
  const auto result = Compute(student_, weights);
  EXPECT_EQ(GetParam().learns, !parameters_.empty());
  EXPECT_EQ(result.parameter_gradient.size(), parameters_.size());
  const auto expect = [&](Values& values, const Values& gradient) {
    ASSERT_EQ(values.size(), gradient.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      constexpr double kStep = 1e-6;
      const double middle = values[i];
      values[i] = middle + kStep;
      const double up = Compute(student_, weights).loss;
      values[i] = middle - kStep;
      const double down = Compute(student_, weights).loss;
      values[i] = middle;
      EXPECT_NEAR(gradient[i], (up - down) / (2 * kStep), 1e-8) << i;
    }
  };
  expect(student_, result.gradient);
  expect(parameters_, result.parameter_gradient);
}

TEST_P(FeatureBattery, IsPositiveAndZeroAtEquality) {
  for (const double value : Compute(student_).per_sample) EXPECT_GT(value, 1e-6);
  // A learned map that changes nothing: the identity, without offset.
  Values identity(FeatureParameters(GetParam().kind, kTeacher, kTeacher));
  for (std::size_t c = 0; c < kTeacher.channels && !identity.empty(); ++c) {
    identity[c * kTeacher.channels + c] = 1;
  }
  const auto equal = ComputeFeatureLoss<double>(GetParam().kind,
                                                {kTeacher, kTeacher, teacher_, teacher_, identity});
  for (const double value : equal.per_sample) EXPECT_NEAR(value, 0, 1e-15);
  for (const double g : equal.gradient) EXPECT_NEAR(g, 0, 1e-12);
}

TEST_P(FeatureBattery, IsInvariantExactlyAsTheTableSays) {
  const double base = Compute(student_).loss;
  const auto same = [&](const Values& student) {
    return std::abs(Compute(student).loss - base) < 1e-12;
  };
  Values offset = student_, scaled = student_, rotated = student_;
  for (std::size_t i = 0; i < student_.size(); ++i) {
    offset[i] += 0.5 + 0.1 * static_cast<double>(i % kStudent.Size());
    scaled[i] *= 3;
  }
  // A rotation of two coordinates that differ in channel and position.
  for (std::size_t b = 0; b < kRows; ++b) {
    double* const row = rotated.data() + b * kStudent.Size();
    const double x = row[0], y = row[kStudent.positions + 1];
    row[0] = 0.6 * x - 0.8 * y;
    row[kStudent.positions + 1] = 0.8 * x + 0.6 * y;
  }
  EXPECT_EQ(same(offset), GetParam().invariant.offset);
  EXPECT_EQ(same(scaled), GetParam().invariant.scale);
  EXPECT_EQ(same(rotated), GetParam().invariant.rotation);
}

TEST_P(FeatureBattery, WeightsMultiplyRows) {
  const Values weights = {2, 0, 0, 0, 3};
  const auto plain = Compute(student_);
  const auto weighted = Compute(student_, weights);
  EXPECT_EQ(plain.per_sample, weighted.per_sample);
  EXPECT_NEAR(weighted.loss, (2 * plain.per_sample[0] + 3 * plain.per_sample[4]) / 5, 1e-14);
  const auto silent = Compute(student_, Values(kRows, 0));
  EXPECT_EQ(silent.loss, 0);
  for (const double g : silent.gradient) EXPECT_EQ(g, 0);
  for (const double g : silent.parameter_gradient) EXPECT_EQ(g, 0);
}

TEST_P(FeatureBattery, AStepAgainstTheGradientLowersTheReportedValue) {
  const auto before = Compute(student_);
  const auto step = [](Values& values, const Values& gradient) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] -= 1e-2 * gradient[i];
  };
  step(student_, before.gradient);
  const double after_student = Compute(student_).loss;
  EXPECT_LT(after_student, before.loss);
  if (!GetParam().learns) return;
  step(parameters_, before.parameter_gradient);
  EXPECT_LT(Compute(student_).loss, after_student);
}

TEST_P(FeatureBattery, StaysFiniteAtTenThousandAtZeroAndForEqualRows) {
  std::vector<float> parameters(FeatureParameters(GetParam().kind, kStudent, kTeacher), 1.0F);
  for (const float size : {1e4F, 0.0F}) {
    std::vector<float> student(kRows * kStudent.Size(), size);
    const std::vector<float> teacher(kRows * kTeacher.Size(), -size);
    for (const bool same_rows : {true, false}) {
      if (!same_rows) student[1] = student[17] = -size;
      const auto result = ComputeFeatureLoss<float>(
          GetParam().kind, {kStudent, kTeacher, student, teacher, parameters});
      EXPECT_TRUE(std::isfinite(result.loss));
      for (const float g : result.gradient) EXPECT_TRUE(std::isfinite(g));
      for (const float g : result.parameter_gradient) EXPECT_TRUE(std::isfinite(g));
    }
  }
}

TEST_P(FeatureBattery, RefusesSizesThatDoNotFit) {
  const Values few(kStudent.Size());
  const auto compute = [&](FeatureShape student, const Values& features, const Values& parameters,
                           const Values& weights) {
    ComputeFeatureLoss<double>(GetParam().kind,
                               {student, kTeacher, features, teacher_, parameters, weights});
  };
  EXPECT_THROW(compute(kStudent, few, parameters_, {}), ShapeError);
  EXPECT_THROW(compute(kStudent, student_, parameters_, few), ShapeError);
  EXPECT_THROW(compute(kStudent, student_, Values(parameters_.size() + 1), {}), ShapeError);
  if (GetParam().same_positions) {
    EXPECT_THROW(compute({3, 2}, Values(kRows * 6), parameters_, {}), ShapeError);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, FeatureBattery,
                         ::testing::ValuesIn(FeatureLossTable().begin(), FeatureLossTable().end()),
                         [](const auto& entry) { return std::string(entry.param.name); });

TEST(FactorAutoencoderTest, LearnsToReconstructAndGivesTheFactors) {
  const FactorShape shape{kTeacher, 2};
  Rng rng(53);
  const Values features = Random(kRows * kTeacher.Size(), rng);
  Values parameters = Random(shape.Parameters(), rng, 0.5);
  const auto first = ReconstructionLoss<double>(shape, features, parameters);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    constexpr double kStep = 1e-6;
    const double middle = parameters[i];
    parameters[i] = middle + kStep;
    const double up = ReconstructionLoss<double>(shape, features, parameters).loss;
    parameters[i] = middle - kStep;
    const double down = ReconstructionLoss<double>(shape, features, parameters).loss;
    parameters[i] = middle;
    EXPECT_NEAR(first.parameter_gradient[i], (up - down) / (2 * kStep), 1e-8);
  }
  for (int step = 0; step < 300; ++step) {
    const auto loss = ReconstructionLoss<double>(shape, features, parameters);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      parameters[i] -= 0.5 * loss.parameter_gradient[i];
    }
  }
  EXPECT_LT(ReconstructionLoss<double>(shape, features, parameters).loss, 0.8 * first.loss);
  EXPECT_EQ(EncodeFactors<double>(shape, features, parameters).size(),
            kRows * 2 * kTeacher.positions);
}

}  // namespace
}  // namespace stillhouse::learner
