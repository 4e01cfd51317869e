#include "learner/distill/output_losses.h"

#include <cmath>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/rng.h"

namespace stillhouse::learner {
namespace {

using Values = std::vector<double>;

Values Random(std::size_t count, Rng& rng, double scale) {
  Values values(count);
  for (double& value : values) value = (2 * rng.Uniform() - 1) * scale;
  return values;
}

/// Every loss of the table with every way of tempering.
std::vector<DistillLossSettings> AllSettings() {
  std::vector<DistillLossSettings> all;
  for (const auto& entry : OutputLossTable()) {
    for (const Temper temper : {Temper::kTeacher, Temper::kBoth}) {
      for (const double temperature : {0.5, 3.0}) {
        for (const bool squared : {false, true}) {
          all.push_back({entry.kind, temper, temperature, squared, false});
        }
      }
    }
  }
  return all;
}

const OutputLossEntry& EntryOf(LossKind kind) {
  for (const auto& entry : OutputLossTable()) {
    if (entry.kind == kind) return entry;
  }
  throw ConfigError("no such loss");
}

TEST(OutputLossTest, CatsAndDogsByHand) {
  // Teacher 80 % cat, 20 % dog, student 50:50, tau 1.
  const Values teacher = {std::log(0.8), std::log(0.2)};
  const Values student = {0, 0};
  const OutputRows<double> rows{2, student, teacher};
  const auto of = [&](LossKind kind) {
    return ComputeOutputLoss(DistillLossSettings{kind, Temper::kBoth, 1.0}, rows);
  };
  EXPECT_NEAR(of(LossKind::kKl).loss, 0.8 * std::log(1.6) + 0.2 * std::log(0.4), 1e-15);
  EXPECT_NEAR(of(LossKind::kKlReverse).loss, 0.5 * std::log(0.5 / 0.8) + 0.5 * std::log(2.5),
              1e-15);
  EXPECT_NEAR(of(LossKind::kJs).loss,
              (0.8 * std::log(0.8 / 0.65) + 0.2 * std::log(0.2 / 0.35) +
               0.5 * std::log(0.5 / 0.65) + 0.5 * std::log(0.5 / 0.35)) /
                  2,
              1e-15);
  EXPECT_NEAR(of(LossKind::kMseCentered).loss, std::log(4.0) * std::log(4.0) / 2, 1e-15);
  EXPECT_NEAR(of(LossKind::kNll).loss, std::log(2.0), 1e-15);
  EXPECT_NEAR(of(LossKind::kMse).loss,
              std::log(0.8) * std::log(0.8) + std::log(0.2) * std::log(0.2), 1e-15);
  EXPECT_NEAR(of(LossKind::kKl).gradient[0], 0.5 - 0.8, 1e-15);
}

TEST(OutputLossTest, GradientsEqualFiniteDifferences) {
  Rng rng(31);
  constexpr std::size_t kActions = 5;
  const auto teacher = Random(4 * kActions, rng, 2);
  const auto weights = Random(4, rng, 1);
  std::vector<std::uint8_t> legal(4 * kActions, 1);
  legal[1] = legal[7] = legal[8] = legal[16] = 0;
  auto student = Random(4 * kActions, rng, 2);
  for (const auto& settings : AllSettings()) {
    SCOPED_TRACE(EntryOf(settings.kind).name);
    const OutputRows<double> rows{kActions, student, teacher, weights, legal};
    const auto gradient = ComputeOutputLoss(settings, rows).gradient;
    for (std::size_t i = 0; i < student.size(); ++i) {
      constexpr double kStep = 1e-5;
      const double middle = student[i];
      student[i] = middle + kStep;
      const double up = ComputeOutputLoss(settings, rows).loss;
      student[i] = middle - kStep;
      const double down = ComputeOutputLoss(settings, rows).loss;
      student[i] = middle;
      EXPECT_NEAR(gradient[i], (up - down) / (2 * kStep), 1e-7 * (1 + std::abs(gradient[i])));
      if (legal[i] == 0) {
        EXPECT_EQ(gradient[i], 0);
      }
    }
  }
}

TEST(OutputLossTest, TheTableTellsTheTruth) {
  Rng rng(32);
  for (const auto& settings : AllSettings()) {
    const auto& entry = EntryOf(settings.kind);
    SCOPED_TRACE(entry.name);
    const auto teacher = Random(6 * 4, rng, 3);
    const auto student = Random(6 * 4, rng, 3);
    const auto loss = [&](const Values& s, const Values& t) {
      return ComputeOutputLoss(settings, OutputRows<double>{4, s, t}).per_sample;
    };
    const auto base = loss(student, teacher);
    for (const double value : base) EXPECT_GT(value, 0);

    // Equality: of the distributions after tempering.
    Values same = teacher;
    if (entry.measures == OutputLossClass::kDivergence && settings.temper == Temper::kTeacher) {
      for (double& value : same) value /= settings.temperature;
    }
    for (const double value : loss(same, teacher)) {
      if (entry.measures == OutputLossClass::kCrossEntropy) {
        EXPECT_GT(value, 1e-6);
      } else {
        EXPECT_NEAR(value, 0, 1e-12);
      }
    }

    Values shifted = student;
    for (double& value : shifted) value += 100;
    const auto after = loss(shifted, teacher);
    for (std::size_t b = 0; b < base.size(); ++b) {
      EXPECT_EQ(std::abs(after[b] - base[b]) < 1e-9 * (1 + base[b]), entry.offset_invariant);
    }
  }
}

TEST(OutputLossTest, StaysFiniteAtTenThousand) {
  const std::vector<float> student = {1e4F, -1e4F, 0, -1e4F, -1e4F, 1e4F};
  const std::vector<float> teacher = {-1e4F, 1e4F, 1e4F, 1e4F, -1e4F, -1e4F};
  for (const auto& entry : OutputLossTable()) {
    for (const Temper temper : {Temper::kTeacher, Temper::kBoth}) {
      for (const double tau : {0.001, 0.01, 1.0, 1000.0}) {
        const auto result = ComputeOutputLoss(DistillLossSettings{entry.kind, temper, tau},
                                              OutputRows<float>{3, student, teacher});
        EXPECT_TRUE(std::isfinite(result.loss)) << entry.name << " " << tau;
        for (const float g : result.gradient) EXPECT_TRUE(std::isfinite(g)) << entry.name;
      }
    }
  }
}

TEST(OutputLossTest, WeightsMultiplyRowsAndZeroSilencesThem) {
  Rng rng(33);
  const auto teacher = Random(3 * 4, rng, 1);
  const auto student = Random(3 * 4, rng, 1);
  const Values weights = {2, 0, 0.5};
  for (const auto& settings : AllSettings()) {
    const auto plain = ComputeOutputLoss(settings, OutputRows<double>{4, student, teacher});
    const auto weighted =
        ComputeOutputLoss(settings, OutputRows<double>{4, student, teacher, weights});
    EXPECT_EQ(plain.per_sample, weighted.per_sample);
    EXPECT_NEAR(weighted.loss, (2 * plain.per_sample[0] + 0.5 * plain.per_sample[2]) / 3, 1e-12);
    for (std::size_t a = 4; a < 8; ++a) EXPECT_EQ(weighted.gradient[a], 0);
  }
}

TEST(OutputLossTest, RefusesSizesThatDoNotFit) {
  const std::vector<float> two(2), three(3);
  const std::vector<std::uint8_t> none(2, 0);
  EXPECT_THROW(ComputeOutputLoss({}, OutputRows<float>{2, two, three}), ShapeError);
  EXPECT_THROW(ComputeOutputLoss({}, OutputRows<float>{2, three, three}), ShapeError);
  EXPECT_THROW(ComputeOutputLoss({}, OutputRows<float>{2, two, two, two}), ShapeError);
  EXPECT_THROW(ComputeOutputLoss({}, OutputRows<float>{2, two, two, {}, none}), ShapeError);
}

}  // namespace
}  // namespace stillhouse::learner
