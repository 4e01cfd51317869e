#include "learner/distill/students.h"

#include <limits>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "learner/distill/omit.h"
#include "learner/distill/output_losses.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

constexpr std::uint32_t kRows = 8;
const std::vector<std::int32_t> kCanonical = {0, 1, 2, 3, 4, 0};

NetworkSpec StudentNetwork() {
  return NetworkSpec::Create(
      {Conv(4, 3), kReluLayer, kFlattenLayer, Linear(32), kReluLayer, Head(false)},
      TensorSpec{ElementKind::kBits, {4, 10, 10}}, 6);
}

Students Host(const std::vector<StudentSettings>& settings) {
  std::vector<HostedStudent> hosted;
  for (std::size_t k = 0; k < settings.size(); ++k) {
    Rng rng(100 + k);
    const auto spec = StudentNetwork();
    hosted.push_back(
        {settings[k], MakeFusedModel(spec, settings[k].optimizer, InitialParameters(spec, rng))});
  }
  return Students(std::move(hosted), kCanonical);
}

LabelledBatch RandomLabelled(Rng& rng, bool with_next = true) {
  LabelledBatch batch;
  batch.batch = kRows;
  batch.rows = with_next ? 2 * kRows : kRows;
  batch.num_actions = 6;
  batch.weights = RandomFloats(kRows, rng);
  for (float& weight : batch.weights) weight += 1.1F;
  batch.labels = RandomFloats(batch.rows * 6, rng);
  batch.observations = RandomPacked(StudentNetwork().Observation(), batch.rows, rng);
  return batch;
}

StudentSettings Settings(LabelRows rows, bool weighted = false) {
  StudentSettings settings;
  settings.name = "small";
  settings.rows = rows;
  settings.loss.temperature = 0.1;
  settings.loss.weighted = weighted;
  return settings;
}

TEST(StudentsTest, LearnTheLabels) {
  Students students = Host({Settings(LabelRows::kSAndNext)});
  Rng rng(41);
  const auto batch = RandomLabelled(rng);
  const auto first = students.Update(batch)[0];
  StudentStep last;
  for (int update = 0; update < 300; ++update) last = students.Update(batch)[0];
  EXPECT_LT(last.loss, 0.1 * first.loss);
  EXPECT_GT(last.agreement, 0.95);
}

TEST(StudentsTest, AStudentNeverMeetsTheLabelThatItOmits) {
  auto settings = Settings(LabelRows::kS);
  Students all = Host({settings});
  settings.omit = 3;
  Students without = Host({settings});
  Rng rng(44);
  auto batch = RandomLabelled(rng, /*with_next=*/false);
  batch.truths.assign(kRows, 1);
  batch.truths[2] = batch.truths[5] = 3;
  const LabelledBatch kept = WithoutTruth(batch, 3);
  EXPECT_EQ(kept.rows, kRows - 2U);
  EXPECT_EQ(kept.labels.size(), (kRows - 2U) * 6);
  // Learning from all but two rows is learning from a batch that never had them ...
  EXPECT_EQ(without.Update(batch)[0].loss, all.Update(kept)[0].loss);
  EXPECT_EQ(without.Parameters(0), all.Parameters(0));
  // ... and from a batch of nothing else it does not learn.
  batch.truths.assign(kRows, 3);
  without.Update(batch);
  EXPECT_EQ(without.Parameters(0), all.Parameters(0));
  batch.truths.clear();
  EXPECT_THROW(without.Update(batch), ShapeError);
}

/// Networks and labels of the same rows, with action 3 illegal in every second one.
class MaskedStudentsTest : public ::testing::Test {
 protected:
  static NetworkSpec Network(bool masked) {
    return NetworkSpec::Create(
        {Conv(4, 3), kReluLayer, kFlattenLayer, Linear(32), kReluLayer, Head(false)},
        TensorSpec{ElementKind::kBits, {4, 10, 10}, masked ? 6 : 0}, 6);
  }
  static Students Host(StudentSettings settings, bool masked) {
    Rng rng(100);
    const auto spec = Network(masked);
    std::vector<HostedStudent> hosted;
    const auto initial = InitialParameters(spec, rng);
    auto model = MakeFusedModel(spec, settings.optimizer, initial);
    hosted.push_back({std::move(settings), std::move(model)});
    if (hosted[0].settings.loss.adversarial_weight.At(0) > 0) {
      hosted[0].adversary.emplace(6, 8, 1.0, OptimizerSettings{}, rng);
    }
    return Students(std::move(hosted), kCanonical);
  }
  static LabelledBatch Masked(const LabelledBatch& batch, std::uint8_t even, std::uint8_t odd) {
    LabelledBatch masked = batch;
    masked.observations.clear();
    const std::size_t bytes = batch.observations.size() / batch.rows;
    for (std::size_t row = 0; row < batch.rows; ++row) {
      const auto* const from = batch.observations.data() + row * bytes;
      masked.observations.insert(masked.observations.end(), from, from + bytes);
      masked.observations.push_back(row % 2 == 0 ? even : odd);
    }
    return masked;
  }
};

TEST_F(MaskedStudentsTest, AMaskThatForbidsNothingChangesNothing) {
  Rng rng(45);
  const auto batch = RandomLabelled(rng);
  Students plain = Host(Settings(LabelRows::kSAndNext), false);
  Students masked = Host(Settings(LabelRows::kSAndNext), true);
  EXPECT_EQ(masked.Update(Masked(batch, 0x3f, 0x3f))[0].loss, plain.Update(batch)[0].loss);
  EXPECT_EQ(masked.Parameters(0), plain.Parameters(0));
}

TEST_F(MaskedStudentsTest, WhatIsSaidOfIllegalActionsMovesNobody) {
  for (const double adversarial : {0.0, 1.0}) {
    for (const LossKind kind : {LossKind::kKl, LossKind::kMse, LossKind::kNll}) {
      auto settings = Settings(LabelRows::kSAndNext);
      settings.loss.kind = kind;
      settings.loss.adversarial_weight = Schedule(adversarial);
      Rng rng(46);
      LabelledBatch batch = RandomLabelled(rng);
      LabelledBatch other = batch;
      // Said to be by far the best, where it is illegal.
      for (std::size_t row = 1; row < other.rows; row += 2) other.labels[row * 6 + 3] = 100;
      Students one = Host(settings, true), two = Host(settings, true);
      const auto legal = Masked(batch, 0x3f, 0x37), lured = Masked(other, 0x3f, 0x37);
      const auto step = one.Update(legal)[0];
      EXPECT_EQ(two.Update(lured)[0].loss, step.loss);
      EXPECT_EQ(one.Parameters(0), two.Parameters(0));
      Students open = Host(settings, true);
      open.Update(Masked(other, 0x3f, 0x3f));
      EXPECT_NE(open.Parameters(0), one.Parameters(0));
    }
  }
}

TEST_F(MaskedStudentsTest, AgreementCountsLegalActionsAlone) {
  const std::vector<float> student = {9, 1, 2}, teacher = {0, 1, 2};
  const std::vector<std::int32_t> canonical = {0, 1, 2};
  EXPECT_EQ(Agreement(student, teacher, canonical), 0);
  EXPECT_EQ(Agreement(student, teacher, canonical, std::vector<std::uint8_t>{0, 1, 1}), 1);
}

TEST_F(MaskedStudentsTest, TargetsOfRewardsAreOfTheLegalNextActions) {
  auto settings = Settings(LabelRows::kS);
  settings.rewards.emplace();
  settings.rewards->double_q = false;
  Rng rng(47);
  LabelledBatch batch = RandomLabelled(rng);
  for (std::uint32_t b = 0; b < kRows; ++b) {
    batch.actions.push_back(static_cast<std::int32_t>(b % 6));
    batch.rewards.push_back(0.5F);
    batch.discounts.push_back(0.9F);
  }
  // One legal next action only, another one in turn: the targets differ.
  Students first = Host(settings, true), second = Host(settings, true), all = Host(settings, true);
  const double loss = all.Update(Masked(batch, 0x3f, 0x3f))[0].loss;
  EXPECT_NE(first.Update(Masked(batch, 0x01, 0x01))[0].loss, loss);
  EXPECT_NE(second.Update(Masked(batch, 0x02, 0x02))[0].loss, loss);
  EXPECT_NE(first.Parameters(0), second.Parameters(0));
}

TEST(StudentsTest, NeighboursDoNotInfluenceAStudent) {
  const auto settings = Settings(LabelRows::kSAndNext);
  Students alone = Host({settings});
  Students together = Host({settings, Settings(LabelRows::kS), Settings(LabelRows::kS, true)});
  Rng rng(42);
  for (int update = 0; update < 3; ++update) {
    const auto batch = RandomLabelled(rng);
    EXPECT_EQ(alone.Update(batch)[0].loss, together.Update(batch)[0].loss);
  }
  EXPECT_EQ(alone.Parameters(0), together.Parameters(0));
  EXPECT_NE(together.Parameters(0), together.Parameters(1));
}

TEST(StudentsTest, AStudentOfSReadsTheFirstRowsOnly) {
  Rng rng(43);
  auto batch = RandomLabelled(rng);
  Students students = Host({Settings(LabelRows::kS)});
  Students same = Host({Settings(LabelRows::kS)});
  auto head = batch;
  head.rows = kRows;
  head.labels.resize(kRows * 6);
  head.observations.resize(batch.observations.size() / 2);
  EXPECT_EQ(students.Update(batch)[0].loss, same.Update(head)[0].loss);
  EXPECT_EQ(students.Parameters(0), same.Parameters(0));
}

TEST(StudentsTest, WeightsCountOnlyWhenAsked) {
  Rng rng(44);
  auto batch = RandomLabelled(rng);
  Students plain = Host({Settings(LabelRows::kSAndNext, false)});
  Students weighted = Host({Settings(LabelRows::kSAndNext, true)});
  const double unweighted = plain.Update(batch)[0].loss;
  EXPECT_NE(weighted.Update(batch)[0].loss, unweighted);
  batch.weights.assign(kRows, 1.0F);
  Students ones = Host({Settings(LabelRows::kSAndNext, true)});
  EXPECT_EQ(ones.Update(batch)[0].loss, unweighted);
}

TEST(AgreementTest, CountsEquivalentActionsAsEqual) {
  const std::vector<float> student = {0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0};
  const std::vector<float> teacher = {1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
  // Row 0: 5 stands for 0; row 1 equal; row 2 different.
  EXPECT_DOUBLE_EQ(Agreement(student, teacher, kCanonical), 2.0 / 3);
}

TEST(StudentsTest, RefuseBatchesThatDoNotFitAndLossesThatAreNotFinite) {
  Rng rng(45);
  Students students = Host({Settings(LabelRows::kSAndNext)});
  const auto good = RandomLabelled(rng);
  auto bad = good;
  bad.labels.pop_back();
  EXPECT_THROW(students.Update(bad), ShapeError);
  bad = good;
  bad.rows = kRows + 1;
  EXPECT_THROW(students.Update(bad), ShapeError);
  bad = good;
  bad.num_actions = 3;
  EXPECT_THROW(students.Update(bad), ShapeError);
  bad = good;
  bad.labels[5] = std::numeric_limits<float>::quiet_NaN();
  const auto before = students.Parameters(0);
  EXPECT_THROW(students.Update(bad), NumericError);
  EXPECT_EQ(students.Parameters(0), before);
}

/// Every loss of the table, on students.
class StudentsLossBattery : public ::testing::TestWithParam<OutputLossEntry> {
 protected:
  static StudentSettings Of(LossKind kind) {
    StudentSettings settings = Settings(LabelRows::kS);
    settings.loss.kind = kind;
    settings.loss.temperature = 0.5;
    return settings;
  }
};

TEST_P(StudentsLossBattery, ReportsTheValueThatItLowersAndMovesTheStudent) {
  Rng rng(46);
  const auto batch = RandomLabelled(rng, false);
  const StudentSettings settings = Of(GetParam().kind);
  Students students = Host({settings});
  Rng initial(100);
  const auto spec = StudentNetwork();
  const auto twin = MakeFusedModel(spec, settings.optimizer, InitialParameters(spec, initial));
  double first = 0;
  for (std::uint64_t update = 0; update < 50; ++update) {
    // A second model that is stepped by hand: what is reported is what its gradient belongs to.
    const PackedRows rows(batch.observations);
    const auto loss = ComputeOutputLoss(
        TermsAt(settings.loss, update),
        OutputRows<float>{6, twin->Forward({&rows, 1}), std::span<const float>(batch.labels)});
    twin->Step(loss.gradient);
    const double reported = students.Update(batch)[0].loss;
    EXPECT_EQ(reported, static_cast<double>(loss.loss));
    if (update == 0) first = reported;
    if (update == 49) {
      EXPECT_LT(reported, first);
    }
  }
  EXPECT_EQ(students.Parameters(0), twin->Parameters());
  EXPECT_NE(students.Parameters(0), Host({settings}).Parameters(0));
}

TEST_P(StudentsLossBattery, APartOfWeightZeroTrainsAsIfItWereNotThere) {
  StudentSettings without_soft = Of(GetParam().kind);
  without_soft.loss.soft_weight = 0;
  without_soft.loss.hard_weight = 1;
  StudentSettings with_both = Of(GetParam().kind);
  with_both.loss.hard_weight = 0.5;
  Students hard = Host({without_soft}), labels = Host({Of(LossKind::kNll)});
  Students both = Host({with_both}), plain = Host({Of(GetParam().kind)});
  Rng rng(47);
  for (int update = 0; update < 3; ++update) {
    const auto batch = RandomLabelled(rng, false);
    for (Students* students : {&hard, &labels, &both, &plain}) students->Update(batch);
  }
  EXPECT_EQ(hard.Parameters(0), labels.Parameters(0));
  if (GetParam().kind != LossKind::kNll) {  // twice the same loss, and Adam knows no scale
    EXPECT_NE(both.Parameters(0), plain.Parameters(0));
  }
}

INSTANTIATE_TEST_SUITE_P(Table, StudentsLossBattery,
                         ::testing::ValuesIn(OutputLossTable().begin(), OutputLossTable().end()),
                         [](const auto& entry) { return std::string(entry.param.name); });

TEST(StudentsTest, SchedulesGoOnWhereASavedStudentStood) {
  StudentSettings settings = Settings(LabelRows::kS);
  settings.loss.temperature = {2, 0.1, 6};
  settings.loss.hard_weight = {0, 1, 4};
  Rng rng(48);
  const auto batch = RandomLabelled(rng, false);
  Students through = Host({settings});
  for (int update = 0; update < 3; ++update) through.Update(batch);
  Students resumed = Host({settings});
  resumed.Load(0, through.Save(0));
  for (int update = 3; update < 8; ++update) {
    EXPECT_EQ(through.Update(batch)[0].loss, resumed.Update(batch)[0].loss);
  }
  EXPECT_EQ(through.Parameters(0), resumed.Parameters(0));
}

}  // namespace
}  // namespace stillhouse::learner
