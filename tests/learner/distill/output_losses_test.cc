// What every loss between outputs must do, for every line of OutputLossTable: a new loss is tested
// by being in the table, and fails here until it has a vector worked out by hand.
#include "learner/distill/output_losses.h"

#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/rng.h"
#include "common/config/config_fields.h"

namespace stillhouse::learner {
namespace {

using Values = std::vector<double>;

constexpr std::size_t kActions = 5;
constexpr std::size_t kRows = 4;

Values Random(std::size_t count, Rng& rng, double scale) {
  Values values(count);
  for (double& value : values) value = (2 * rng.Uniform() - 1) * scale;
  return values;
}

class LossBattery : public ::testing::TestWithParam<OutputLossEntry> {
 protected:
  /// The loss with every way of tempering and some weights.
  static std::vector<OutputLossTerms> AllTerms() {
    std::vector<OutputLossTerms> all;
    for (const Temper temper : {Temper::kTeacher, Temper::kBoth}) {
      for (const double temperature : {0.5, 3.0}) {
        for (const bool squared : {false, true}) {
          OutputLossTerms terms{GetParam().kind, temper, temperature, squared};
          terms.non_target_weight = 2;
          all.push_back(terms);
        }
      }
    }
    return all;
  }

  Rng rng_{31};
  Values student_ = Random(kRows * kActions, rng_, 2);
  const Values teacher_ = Random(kRows * kActions, rng_, 2);
};

/// Rows, and what the loss of them is at temperature 1.
struct WorkedByHand {
  Values teacher;
  Values student;
  double loss;
};

/// Teacher 80 % cat, 20 % dog, student 50:50; three kinds for dkd, which splits off the best.
WorkedByHand CatsAndDogs(const std::string& name) {
  const Values teacher = {std::log(0.8), std::log(0.2)};
  const Values even = {0, 0};
  const std::map<std::string, double> of_two = {
      {"kl", 0.8 * std::log(1.6) + 0.2 * std::log(0.4)},
      {"kl_reverse", 0.5 * std::log(0.5 / 0.8) + 0.5 * std::log(2.5)},
      {"js", (0.8 * std::log(0.8 / 0.65) + 0.2 * std::log(0.2 / 0.35) + 0.5 * std::log(0.5 / 0.65) +
              0.5 * std::log(0.5 / 0.35)) /
                 2},
      {"cross_entropy", std::log(2.0)},
      {"mse", std::log(0.8) * std::log(0.8) + std::log(0.2) * std::log(0.2)},
      {"mse_centered", std::log(4.0) * std::log(4.0) / 2},
      {"huber", std::log(0.8) * std::log(0.8) / 2 + std::log(5.0) - 0.5},
      {"nll", std::log(2.0)},
  };
  if (const auto found = of_two.find(name); found != of_two.end()) {
    return {teacher, even, found->second};
  }
  if (name == "dkd") {
    const double target = 0.6 * std::log(1.8) + 0.4 * std::log(0.6);
    const double others = 0.75 * std::log(1.5) + 0.25 * std::log(0.5);
    return {{std::log(0.6), std::log(0.3), std::log(0.1)}, {0, 0, 0}, target + 8 * others};
  }
  ADD_FAILURE() << name << " has no vector worked out by hand";
  return {teacher, even, 0};
}

TEST_P(LossBattery, EqualsAVectorWorkedOutByHand) {
  const auto hand = CatsAndDogs(std::string(GetParam().name));
  const std::size_t actions = hand.teacher.size();
  const OutputLossTerms terms{GetParam().kind, Temper::kBoth, 1.0};
  EXPECT_NEAR(
      ComputeOutputLoss(terms, OutputRows<double>{actions, hand.student, hand.teacher}).loss,
      hand.loss, 1e-14);
  // The reduction: summed over actions, mean over rows, multiplied by the weights.
  Values student = hand.student, teacher = hand.teacher;
  student.insert(student.end(), hand.student.begin(), hand.student.end());
  teacher.insert(teacher.end(), hand.teacher.begin(), hand.teacher.end());
  const Values weights = {1, 4};
  EXPECT_NEAR(ComputeOutputLoss(terms, OutputRows<double>{actions, student, teacher, weights}).loss,
              hand.loss * 5 / 2, 1e-13);
}

TEST_P(LossBattery, GradientsEqualFiniteDifferences) {
  const Values weights = Random(kRows, rng_, 1);
  std::vector<std::uint8_t> legal(kRows * kActions, 1);
  legal[1] = legal[7] = legal[8] = legal[16] = 0;
  const std::vector<std::int32_t> labels = {0, 4, 2, 3};
  for (OutputLossTerms terms : AllTerms()) {
    for (const bool with_labels : {false, true}) {
      if (with_labels) terms.soft_weight = terms.hard_weight = 0.3;
      OutputRows<double> rows{kActions, student_, teacher_, weights, legal};
      if (with_labels) rows.labels = labels;
      const auto gradient = ComputeOutputLoss(terms, rows).gradient;
      for (std::size_t i = 0; i < student_.size(); ++i) {
        constexpr double kStep = 1e-5;
        const double middle = student_[i];
        student_[i] = middle + kStep;
        const double up = ComputeOutputLoss(terms, rows).loss;
        student_[i] = middle - kStep;
        const double down = ComputeOutputLoss(terms, rows).loss;
        student_[i] = middle;
        EXPECT_NEAR(gradient[i], (up - down) / (2 * kStep), 1e-7 * (1 + std::abs(gradient[i])));
        if (legal[i] == 0) {
          EXPECT_EQ(gradient[i], 0);
        }
      }
    }
  }
}

TEST_P(LossBattery, IsNeverNegativeAndZeroOnlyAtEquality) {
  for (const OutputLossTerms& terms : AllTerms()) {
    const auto loss = [&](const Values& student) {
      return ComputeOutputLoss(terms, OutputRows<double>{kActions, student, teacher_}).per_sample;
    };
    for (const double value : loss(student_)) EXPECT_GT(value, 1e-6);
    // Equality is that of the distributions after tempering.
    Values same = teacher_;
    if (GetParam().tempered && terms.temper == Temper::kTeacher) {
      for (double& value : same) value /= terms.temperature;
    }
    const auto at_equality = ComputeOutputLoss(terms, OutputRows<double>{kActions, same, teacher_});
    for (const double value : at_equality.per_sample) {
      if (GetParam().measures == OutputLossClass::kCrossEntropy) {
        EXPECT_GT(value, 1e-6);
      } else {
        EXPECT_NEAR(value, 0, 1e-12);
      }
    }
    if (GetParam().name != "nll") {  // whose least value lies at infinity
      for (const double g : at_equality.gradient) EXPECT_NEAR(g, 0, 1e-12);
    }
  }
}

TEST_P(LossBattery, IsInvariantToOffsetsExactlyWhenTheTableSaysSo) {
  for (const OutputLossTerms& terms : AllTerms()) {
    const auto loss = [&](const Values& student, const Values& teacher) {
      return ComputeOutputLoss(terms, OutputRows<double>{kActions, student, teacher}).per_sample;
    };
    const auto shifted = [](Values values) {
      for (double& value : values) value += 100;
      return values;
    };
    const auto base = loss(student_, teacher_);
    const auto of_student = loss(shifted(student_), teacher_);
    const auto of_teacher = loss(student_, shifted(teacher_));
    for (std::size_t b = 0; b < base.size(); ++b) {
      const auto same = [&](double value) {
        return std::abs(value - base[b]) < 1e-9 * (1 + base[b]);
      };
      EXPECT_EQ(same(of_student[b]), GetParam().offset_invariant);
      // nll knows the teacher by its best action alone.
      EXPECT_EQ(same(of_teacher[b]), GetParam().offset_invariant);
    }
  }
}

TEST_P(LossBattery, StaysFiniteAtTenThousand) {
  const std::vector<float> student = {1e4F, -1e4F, 0, -1e4F, -1e4F, 1e4F, 1e4F, 1e4F, 1e4F};
  const std::vector<float> teacher = {-1e4F, 1e4F, 1e4F, 1e4F, -1e4F, -1e4F, -1e4F, -1e4F, -1e4F};
  for (const Temper temper : {Temper::kTeacher, Temper::kBoth}) {
    for (const double tau : {0.001, 0.01, 1.0, 1000.0}) {
      OutputLossTerms terms{GetParam().kind, temper, tau};
      terms.hard_weight = 1;
      const auto result = ComputeOutputLoss(terms, OutputRows<float>{3, student, teacher});
      EXPECT_TRUE(std::isfinite(result.loss)) << tau;
      EXPECT_GE(result.loss, 0) << tau;
      for (const float g : result.gradient) EXPECT_TRUE(std::isfinite(g)) << tau;
    }
  }
}

TEST_P(LossBattery, IllegalActionsDoNotMatterAndASingleLegalOneIsWorthNothing) {
  const std::vector<std::uint8_t> legal = {1, 0, 1, 1, 0, 1, 1, 0, 0, 1,
                                           0, 0, 1, 0, 0, 1, 1, 1, 1, 1};
  for (const OutputLossTerms& terms : AllTerms()) {
    Values student = student_, teacher = teacher_;
    const OutputRows<double> rows{kActions, student, teacher, {}, legal};
    const auto before = ComputeOutputLoss(terms, rows);
    for (std::size_t i = 0; i < legal.size(); ++i) {
      if (legal[i] == 0) student[i] = teacher[i] = 1e4 * (i % 2 == 0 ? 1 : -1);
    }
    const auto after = ComputeOutputLoss(terms, rows);
    EXPECT_EQ(before.per_sample, after.per_sample);
    EXPECT_EQ(before.gradient, after.gradient);
    if (GetParam().measures != OutputLossClass::kRegression) {
      EXPECT_NEAR(after.per_sample[2], 0, 1e-15);
    }
  }
}

TEST_P(LossBattery, WeightsMultiplyRowsAndZeroSilencesThem) {
  const Values weights = {2, 0, 0.5, 1};
  for (const OutputLossTerms& terms : AllTerms()) {
    const auto plain = ComputeOutputLoss(terms, OutputRows<double>{kActions, student_, teacher_});
    const auto weighted =
        ComputeOutputLoss(terms, OutputRows<double>{kActions, student_, teacher_, weights});
    EXPECT_EQ(plain.per_sample, weighted.per_sample);
    EXPECT_NEAR(weighted.loss,
                (2 * plain.per_sample[0] + 0.5 * plain.per_sample[2] + plain.per_sample[3]) / 4,
                1e-12);
    for (std::size_t a = 0; a < kActions; ++a) EXPECT_EQ(weighted.gradient[kActions + a], 0);
  }
}

TEST_P(LossBattery, APartOfWeightZeroLeavesTheOtherBitForBit) {
  const OutputRows<double> rows{kActions, student_, teacher_};
  const auto labels_alone = ComputeOutputLoss(OutputLossTerms{.kind = LossKind::kNll}, rows);
  for (OutputLossTerms terms : AllTerms()) {
    const auto baseline = ComputeOutputLoss(terms, rows);
    terms.hard_weight = 0.5;
    const auto both = ComputeOutputLoss(terms, rows);
    EXPECT_NEAR(both.loss, baseline.loss + 0.5 * labels_alone.loss, 1e-12);
    EXPECT_NE(both.gradient, baseline.gradient);
    terms.hard_weight = 1;
    terms.soft_weight = 0;
    const auto hard = ComputeOutputLoss(terms, rows);
    EXPECT_EQ(hard.loss, labels_alone.loss);
    EXPECT_EQ(hard.gradient, labels_alone.gradient);
    terms.hard_weight = 0;
    terms.soft_weight = 1;
    const auto soft = ComputeOutputLoss(terms, rows);
    EXPECT_EQ(soft.loss, baseline.loss);
    EXPECT_EQ(soft.gradient, baseline.gradient);
  }
}

TEST_P(LossBattery, ATeacherThatIsNotANumberIsNotPassedOver) {
  Values teacher = teacher_;
  teacher[3] = std::nan("");
  // nll reads the teacher's best action alone.
  if (GetParam().kind == LossKind::kNll) return;
  for (const OutputLossTerms& terms : AllTerms()) {
    EXPECT_TRUE(
        std::isnan(ComputeOutputLoss(terms, OutputRows<double>{kActions, student_, teacher}).loss));
  }
}

INSTANTIATE_TEST_SUITE_P(Table, LossBattery,
                         ::testing::ValuesIn(OutputLossTable().begin(), OutputLossTable().end()),
                         [](const auto& entry) { return std::string(entry.param.name); });

TEST(LossTableTest, HoldsTheWordsOfTheConfiguration) {
  std::vector<std::string> words, names;
  for (const auto& field : DistillLossFields()) {
    if (field.path == "kind") words = field.words;
  }
  for (const auto& entry : OutputLossTable()) names.emplace_back(entry.name);
  EXPECT_EQ(words, names);
}

TEST(OutputLossTest, SchedulesMoveOnALine) {
  DistillLossSettings settings;
  settings.temperature = {4, 1, 100};
  settings.soft_weight = {0, 1, 10};
  settings.hard_weight = 0.25;
  EXPECT_EQ(TermsAt(settings, 0).temperature, 4);
  EXPECT_DOUBLE_EQ(TermsAt(settings, 50).temperature, 2.5);
  EXPECT_EQ(TermsAt(settings, 100).temperature, 1);
  EXPECT_EQ(TermsAt(settings, 1000000).temperature, 1);
  EXPECT_EQ(TermsAt(settings, 0).soft_weight, 0);
  EXPECT_DOUBLE_EQ(TermsAt(settings, 5).soft_weight, 0.5);
  EXPECT_EQ(TermsAt(settings, 5).hard_weight, 0.25);
}

TEST(OutputLossTest, TwoActionsOfDkdAreKl) {
  const Values student = {0.3, -0.8}, teacher = {1.2, 0.1};
  const OutputRows<double> rows{2, student, teacher};
  const auto kl = ComputeOutputLoss(OutputLossTerms{LossKind::kKl, Temper::kBoth, 2.0}, rows);
  const auto dkd = ComputeOutputLoss(OutputLossTerms{LossKind::kDkd, Temper::kBoth, 2.0}, rows);
  EXPECT_NEAR(dkd.loss, kl.loss, 1e-15);
}

TEST(OutputLossTest, DkdPutTogetherAsKlDoesIsKl) {
  // KL = target part + (1 - p[label]) * other part, for one row.
  const Values student = {0.3, -0.8, 0.5}, teacher = {1.2, 0.1, 0.4};
  const OutputRows<double> rows{3, student, teacher};
  OutputLossTerms terms{LossKind::kDkd, Temper::kBoth, 1.0};
  terms.non_target_weight = 1 - std::exp(1.2) / (std::exp(1.2) + std::exp(0.1) + std::exp(0.4));
  const auto dkd = ComputeOutputLoss(terms, rows);
  terms.kind = LossKind::kKl;
  EXPECT_NEAR(dkd.loss, ComputeOutputLoss(terms, rows).loss, 1e-15);
}

TEST(OutputLossTest, RefusesSizesAndLabelsThatDoNotFit) {
  const std::vector<float> two(2), three(3);
  const std::vector<std::uint8_t> none(2, 0), second = {0, 1};
  const std::vector<std::int32_t> first = {0}, third = {2}, minus = {-1}, many = {0, 0};
  EXPECT_THROW(ComputeOutputLoss({}, OutputRows<float>{2, two, three}), ShapeError);
  EXPECT_THROW(ComputeOutputLoss({}, OutputRows<float>{2, three, three}), ShapeError);
  EXPECT_THROW(ComputeOutputLoss({}, OutputRows<float>{2, two, two, two}), ShapeError);
  EXPECT_THROW(ComputeOutputLoss({}, OutputRows<float>{2, two, two, {}, none}), ShapeError);
  for (const auto& labels : {third, minus, many}) {
    EXPECT_THROW(ComputeOutputLoss({}, OutputRows<float>{2, two, two, {}, {}, labels}), ShapeError);
  }
  EXPECT_THROW(ComputeOutputLoss({}, OutputRows<float>{2, two, two, {}, second, first}),
               ShapeError);
}

}  // namespace
}  // namespace stillhouse::learner
