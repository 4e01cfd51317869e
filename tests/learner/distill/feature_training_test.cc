// L8 to L11 and head distillation in training: students that learn from what is inside the teacher.
#include <cmath>

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "learner/distill/output_losses.h"
#include "learner/distill/students.h"
#include "learner/td/teacher.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

using Kind = FeatureSettings::Kind;

constexpr std::uint32_t kRows = 6;
constexpr std::uint32_t kActions = 4;
constexpr double kWeight = 0.75;
const TensorSpec kObservation{ElementKind::kBits, {2, 5, 5}};
// conv(n) of [2, 5, 5] hands on [n, 3, 3] after layer 1; layer 4 is the one before the head.
constexpr std::size_t kConvLayer = 1;

NetworkSpec Network(std::int64_t filters, std::int64_t units) {
  return NetworkSpec::Create(
      {Conv(filters, 3), kTanhLayer, kFlattenLayer, Linear(units), kTanhLayer, Head(false)},
      kObservation, kActions);
}
const NetworkSpec kTeacher = Network(6, 12);
const NetworkSpec kStudent = Network(3, 8);

FeatureLink LinkOf() { return {kConvLayer, kConvLayer, {3, 9}, {6, 9}}; }

FeatureLearner LearnerOf(Kind kind, Schedule weight) {
  FeatureSettings settings;
  settings.kind = kind;
  settings.weight = weight;
  Rng rng(7);
  return {settings, StudentSettings{}.optimizer, LinkOf(), 3, rng};
}

StudentSettings Settings(bool weighted = false) {
  StudentSettings settings;
  settings.name = "s";
  settings.rows = LabelRows::kS;
  settings.optimizer.max_grad_norm = 0;
  settings.loss.temper = Temper::kBoth;
  settings.loss.temperature = 1;
  settings.loss.weighted = weighted;
  return settings;
}

HostedStudent Hosted(std::optional<FeatureLearner> features, const StudentSettings& settings) {
  HostedStudent student;
  student.settings = settings;
  Rng rng(3);
  student.model = MakeTappedModel(kStudent, settings.optimizer, InitialParameters(kStudent, rng),
                                  "cpu", {kConvLayer});
  student.features = std::move(features);
  return student;
}

Students Host(HostedStudent student) {
  std::vector<HostedStudent> students;
  students.push_back(std::move(student));
  return Students(std::move(students), {0, 1, 2, 3});
}

Students With(Kind kind, Schedule weight, const StudentSettings& settings = Settings()) {
  return Host(Hosted(LearnerOf(kind, weight), settings));
}

LabelledBatch RandomBatch(Rng& rng) {
  LabelledBatch batch;
  batch.batch = batch.rows = kRows;
  batch.num_actions = kActions;
  batch.weights = RandomFloats(kRows, rng);
  for (float& weight : batch.weights) weight += 1.2F;
  batch.labels = RandomFloats(kRows * kActions, rng, 2);
  batch.features = {{kConvLayer, RandomFloats(kRows * 6 * 9, rng)}};
  batch.observations = RandomPacked(kObservation, kRows, rng);
  return batch;
}

/// The whole loss on `batch` of a student with these parameters, as written in docs/losses.md.
double WholeLoss(Kind kind, const StudentSettings& settings, std::span<const float> parameters,
                 const LabelledBatch& batch) {
  const auto model = MakeTappedModel(kStudent, settings.optimizer, parameters, "cpu", {kConvLayer});
  const PackedRows rows = batch.observations;
  const auto q = model->Forward({&rows, 1});
  OutputRows<float> outputs{kActions, q, batch.labels};
  if (settings.loss.weighted) outputs.weights = batch.weights;
  const auto weights = settings.loss.weighted ? std::span(batch.weights) : std::span<const float>{};
  return static_cast<double>(ComputeOutputLoss(TermsAt(settings.loss, 0), outputs).loss) +
         LearnerOf(kind, kWeight)
             .Learn(model->Tapped(kConvLayer), batch.features[0].values, weights, kWeight)
             .loss;
}

class FeatureTraining : public ::testing::TestWithParam<Kind> {};

TEST_P(FeatureTraining, AWeightOfZeroIsTrainingWithoutThemBitForBitAndOneMovesTheStudent) {
  Students none = Host(Hosted(std::nullopt, Settings()));
  Students zero = With(GetParam(), 0), late = With(GetParam(), {0, 1, 1}),
           some = With(GetParam(), kWeight);
  Rng rng(91);
  for (int update = 0; update < 5; ++update) {
    const auto batch = RandomBatch(rng);
    const double plain = none.Update(batch)[0].loss;
    EXPECT_EQ(zero.Update(batch)[0].loss, plain);
    EXPECT_EQ(late.Update(batch)[0].loss == plain, update == 0);
    some.Update(batch);
  }
  EXPECT_EQ(zero.Parameters(0), none.Parameters(0));
  EXPECT_NE(late.Parameters(0), none.Parameters(0));
  EXPECT_NE(some.Parameters(0), none.Parameters(0));
  EXPECT_EQ(some.Parameters(0).size(), none.Parameters(0).size());  // what is learnt besides stays
}

TEST_P(FeatureTraining, WhatIsReportedIsTheWholeAndItsGradientIsFollowed) {
  for (const bool weighted : {false, true}) {
    const StudentSettings settings = Settings(weighted);
    Rng rng(92);
    const auto batch = RandomBatch(rng);
    Students students = With(GetParam(), kWeight, settings);
    auto parameters = students.Parameters(0);
    const double reported = students.Update(batch)[0].loss;
    EXPECT_NEAR(reported, WholeLoss(GetParam(), settings, parameters, batch), 1e-6);
    // Adam's first moment after one step is the gradient times 1 - beta1.
    const auto first = students.Save(0).model.first;
    std::size_t compared = 0;
    for (std::size_t i = 0; i < parameters.size(); i += 7) {
      const float at = parameters[i];
      const double step = 1e-2;
      parameters[i] = at + static_cast<float>(step);
      const double above = WholeLoss(GetParam(), settings, parameters, batch);
      parameters[i] = at - static_cast<float>(step);
      const double below = WholeLoss(GetParam(), settings, parameters, batch);
      parameters[i] = at;
      const double slope = (above - below) / (2 * step);
      const double gradient = static_cast<double>(first[i]) / (1 - settings.optimizer.beta1);
      // Rounding of floats over the step, and the third derivative; |x| of factors has kinks.
      const double tolerance = GetParam() == Kind::kAutoencoder ? 5e-3 : 1e-3;
      EXPECT_NEAR(gradient, slope, tolerance + 0.02 * std::abs(slope)) << i;
      ++compared;
    }
    EXPECT_GT(compared, 30U);
  }
}

TEST_P(FeatureTraining, TheLossFalls) {
  Rng rng(93);
  const auto batch = RandomBatch(rng);
  Students students = With(GetParam(), kWeight);
  const double first = students.Update(batch)[0].loss;
  double last = first;
  for (int update = 0; update < 200; ++update) last = students.Update(batch)[0].loss;
  EXPECT_LT(last, 0.9 * first);
}

TEST_P(FeatureTraining, AResumedStudentGoesOnBitForBit) {
  Rng rng(94);
  Students whole = With(GetParam(), {1, 0.1, 10});
  Students resumed = With(GetParam(), {1, 0.1, 10});
  for (int update = 0; update < 4; ++update) whole.Update(RandomBatch(rng));
  const StudentState state{4, 1, 0, 0, whole.Save(0)};
  resumed.Load(0, StudentState::Decode(state.Encode()).memory);
  for (int update = 0; update < 4; ++update) {
    const auto batch = RandomBatch(rng);
    EXPECT_EQ(whole.Update(batch)[0].loss, resumed.Update(batch)[0].loss);
  }
  EXPECT_EQ(whole.Parameters(0), resumed.Parameters(0));
  EXPECT_EQ(whole.Save(0).beside.parameters, resumed.Save(0).beside.parameters);
}

std::string NameOf(const ::testing::TestParamInfo<Kind>& kind) {
  constexpr const char* kNames[] = {"none", "hint", "attention", "autoencoder", "relational"};
  return kNames[static_cast<std::size_t>(kind.param)];
}

INSTANTIATE_TEST_SUITE_P(Kinds, FeatureTraining,
                         ::testing::Values(Kind::kHint, Kind::kAttention, Kind::kAutoencoder,
                                           Kind::kRelational),
                         NameOf);

TEST(FeatureTrainingTest, BatchesWithoutTheFeaturesAreRefused) {
  Rng rng(95);
  auto batch = RandomBatch(rng);
  Students students = With(Kind::kHint, 1);
  batch.features[0].values.resize(kRows * 6 * 4);
  EXPECT_THROW(students.Update(batch), ShapeError);
  batch.features.clear();
  EXPECT_THROW(students.Update(batch), ShapeError);
}

TEST(FeatureTrainingTest, AStateOfAnotherLossIsRefused) {
  Students hint = With(Kind::kHint, 1), attention = With(Kind::kAttention, 1);
  EXPECT_THROW(hint.Load(0, attention.Save(0)), ShapeError);
}

replay::Batch TeachersBatch(Rng& rng) {
  replay::Batch batch;
  batch.handles.assign(kRows, 0);
  batch.weights.assign(kRows, 1);
  batch.rewards = RandomFloats(kRows, rng);
  batch.discounts.assign(kRows, 0.9F);
  for (std::uint32_t row = 0; row < kRows; ++row) {
    batch.actions.push_back(static_cast<std::int32_t>(rng.Below(kActions)));
  }
  batch.observations = RandomPacked(kObservation, kRows, rng);
  batch.next_observations = RandomPacked(kObservation, kRows, rng);
  return batch;
}

TEST(TeacherGivesTest, FeaturesAndParametersAreThoseThatLabelled) {
  Rng rng(96);
  constexpr std::size_t kLast = 4;  // 12 units, then the head: 4 * 12 weights, 4 biases
  Teacher teacher(TeacherSettings{},
                  MakeTappedModel(kTeacher, {}, InitialParameters(kTeacher, rng), "cpu", {kLast}),
                  LabelRows::kSAndNext, true, {}, {{kLast}, 6 * 2 * 9 + 6});
  for (const bool learn : {true, false}) {
    const auto before = teacher.Parameters();
    const auto step =
        learn ? teacher.Update(TeachersBatch(rng)) : teacher.Label(TeachersBatch(rng));
    ASSERT_EQ(step.labels.size(), 2 * kRows * kActions);
    ASSERT_EQ(step.extras.features.size(), 1U);
    EXPECT_EQ(step.extras.features[0].layer, kLast);
    const auto& features = step.extras.features[0].values;
    ASSERT_EQ(features.size(), kRows * 12);
    const float* const weight = before.data() + before.size() - kActions * 13;
    const float* const bias = before.data() + before.size() - kActions;
    for (std::size_t row = 0; row < kRows; ++row) {
      for (std::size_t a = 0; a < kActions; ++a) {
        float q = bias[a];
        for (std::size_t i = 0; i < 12; ++i) q += weight[a * 12 + i] * features[row * 12 + i];
        EXPECT_NEAR(q, step.labels[row * kActions + a], 1e-5);
      }
    }
    const std::vector<float> first(before.begin(), before.begin() + 6 * 2 * 9 + 6);
    EXPECT_EQ(step.extras.shared, first);
  }
}

TEST(HeadDistillationTest, E1TheSharedLayersAreTheTeachersAndTheRestIsLearnt) {
  constexpr std::size_t kShared = 6 * 2 * 9 + 6;
  HostedStudent student;
  student.settings = Settings();
  student.shared_parameters = kShared;
  Rng initial(5);
  student.model = MakeTappedModel(kTeacher, student.settings.optimizer,
                                  InitialParameters(kTeacher, initial), "cpu", {});
  Students students = Host(std::move(student));
  Rng rng(97);
  auto batch = RandomBatch(rng);
  EXPECT_THROW(students.Update(batch), ShapeError);
  auto before = students.Parameters(0);
  double first = 0, last = 0;
  for (int update = 0; update < 100; ++update) {
    if (update % 20 == 0) batch.shared = RandomFloats(kShared + 5, rng);  // the teacher moves
    last = students.Update(batch)[0].loss;
    if (update == 80) first = last;
    const auto now = students.Parameters(0);
    EXPECT_TRUE(std::equal(now.begin(), now.begin() + kShared, batch.shared.begin()));
    EXPECT_FALSE(std::equal(now.begin() + kShared, now.end(), before.begin() + kShared));
    before = now;
  }
  EXPECT_LT(last, first);
}

}  // namespace
}  // namespace stillhouse::learner
