// Students that learn from each other and from rewards.
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "learner/distill/label_mix.h"
#include "learner/distill/reward_learning.h"
#include "learner/distill/students.h"
#include "learner/td/teacher.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

constexpr std::uint32_t kRows = 8;
constexpr std::uint32_t kActions = 6;
const std::vector<std::int32_t> kCanonical = {0, 1, 2, 3, 4, 5};

NetworkSpec Network(std::int64_t units = 16) {
  return NetworkSpec::Create({kFlattenLayer, Linear(units), kReluLayer, Head(false)},
                             TensorSpec{ElementKind::kBits, {4, 10, 10}}, kActions);
}

HostedStudent Student(std::uint64_t seed, std::vector<LabelLink> links, bool rewards = false) {
  HostedStudent student;
  student.settings.name = "s" + std::to_string(seed);
  student.settings.loss.temperature = 0.1;
  if (rewards) student.settings.rewards = RewardSettings{.target_update = 3, .lambda = {}};
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

LabelledBatch RandomBatch(Rng& rng) {
  LabelledBatch batch;
  batch.batch = kRows;
  batch.rows = 2 * kRows;
  batch.num_actions = kActions;
  batch.weights = RandomFloats(kRows, rng);
  for (float& weight : batch.weights) weight += 1.1F;
  batch.labels = RandomFloats(batch.rows * kActions, rng);
  batch.rewards = RandomFloats(kRows, rng);
  for (std::uint32_t row = 0; row < kRows; ++row) {
    batch.actions.push_back(static_cast<std::int32_t>(rng.Below(kActions)));
    batch.discounts.push_back(row % 3 == 0 ? 0.0F : 0.97F);
  }
  batch.observations = RandomPacked(Network().Observation(), batch.rows, rng);
  return batch;
}

std::vector<float> OutputsOf(const Students& students, std::size_t k, const LabelledBatch& batch) {
  auto model = MakeFusedModel(Network(), {}, students.Parameters(k));
  const PackedRows packed = batch.observations;
  const auto q = model->Forward({&packed, 1});
  return {q.begin(), q.end()};
}

TEST(StudentGraphTest, AStudentOfAStudentLearnsItsOutputs) {
  Students chain = Host(Student(1, {LabelLink{}}), Student(2, {LabelLink{0, 1}}));
  Students alone = Host(Student(2, {LabelLink{}}));
  Rng rng(61);
  for (int update = 0; update < 5; ++update) {
    const auto batch = RandomBatch(rng);
    auto relabelled = batch;
    relabelled.labels = OutputsOf(chain, 0, batch);  // before its own step
    const auto steps = chain.Update(batch);
    EXPECT_EQ(steps[1].loss, alone.Update(relabelled)[0].loss);
  }
  EXPECT_EQ(chain.Parameters(1), alone.Parameters(0));
}

TEST(StudentGraphTest, LabelsByTheHostsCopyReplaceThoseOfTheBatchForWhoWantsThem) {
  Rng rng(71);
  Rng seed(72);
  const auto spec = Network(24);
  const auto parameters = InitialParameters(spec, seed);
  std::vector<HostedStudent> hosted;
  hosted.push_back(Student(1, {LabelLink{}}));
  hosted.push_back(Student(1, {LabelLink{}}));
  Students both(std::move(hosted), kCanonical,
                MakeFusedModel(spec, {}, std::vector<float>(parameters.size(), 0.0F)));
  both.UseTeacher(parameters);
  Students streamed = Host(Student(1, {LabelLink{}}));
  Students anew = Host(Student(1, {LabelLink{}}));
  auto teacher = MakeFusedModel(spec, {}, parameters);
  for (int update = 0; update < 3; ++update) {
    const auto batch = RandomBatch(rng);
    auto relabelled = batch;
    const PackedRows packed = batch.observations;
    const auto q = teacher->Forward({&packed, 1});
    relabelled.labels.assign(q.begin(), q.end());
    StudentTurn turn;
    turn.relabel = {0, 1};
    const auto steps = both.Update(batch, turn);
    EXPECT_EQ(steps[0].loss, streamed.Update(batch)[0].loss);
    EXPECT_EQ(steps[1].loss, anew.Update(relabelled)[0].loss);
    EXPECT_NE(steps[0].loss, steps[1].loss);
  }
  EXPECT_EQ(both.Parameters(0), streamed.Parameters(0));
  EXPECT_EQ(both.Parameters(1), anew.Parameters(0));
}

TEST(StudentGraphTest, TheOrderOfStudentsDoesNotMatter) {
  Students forth = Host(Student(1, {LabelLink{}}), Student(2, {LabelLink{0, 1}}));
  Students back = Host(Student(2, {LabelLink{1, 1}}), Student(1, {LabelLink{}}));
  Rng rng(62);
  for (int update = 0; update < 5; ++update) {
    const auto batch = RandomBatch(rng);
    forth.Update(batch);
    back.Update(batch);
  }
  EXPECT_EQ(forth.Parameters(0), back.Parameters(1));
  EXPECT_EQ(forth.Parameters(1), back.Parameters(0));
}

TEST(StudentGraphTest, AMutualPairSeesEachOtherBeforeTheirSteps) {
  Students pair = Host(Student(1, {LabelLink{1, 1}}, true), Student(2, {LabelLink{0, 1}}, true));
  Students first = Host(Student(1, {LabelLink{}}, true));
  Students second = Host(Student(2, {LabelLink{}}, true));
  Rng rng(63);
  for (int update = 0; update < 5; ++update) {
    auto batch = RandomBatch(rng);
    auto for_first = batch, for_second = batch;
    for_first.labels = OutputsOf(pair, 1, batch);
    for_second.labels = OutputsOf(pair, 0, batch);
    pair.Update(batch);
    first.Update(for_first);
    second.Update(for_second);
  }
  EXPECT_EQ(pair.Parameters(0), first.Parameters(0));
  EXPECT_EQ(pair.Parameters(1), second.Parameters(0));
}

TEST(StudentGraphTest, SeveralSourcesAreMixedWithTheirWeights) {
  Students mixed = Host(Student(1, {LabelLink{}}),
                        Student(2, {LabelLink{std::nullopt, 0.7}, LabelLink{0, 0.3}}));
  Students alone = Host(Student(2, {LabelLink{}}));
  Rng rng(64);
  const auto batch = RandomBatch(rng);
  const auto medium = OutputsOf(mixed, 0, batch);
  const std::vector<LabelShare<float>> shares = {{batch.labels, 0.7}, {medium, 0.3}};
  auto relabelled = batch;
  relabelled.labels = MixLabels<float>(LossKind::kKl, 0.1, kActions, shares);
  EXPECT_EQ(mixed.Update(batch)[1].loss, alone.Update(relabelled)[0].loss);
  EXPECT_EQ(mixed.Parameters(1), alone.Parameters(0));
}

/// The same as the teacher's own TD step, on the same batches.
TEST(StudentGraphTest, R5AModelOfRewardsAloneIsASecondTeacher) {
  HostedStudent student = Student(7, {}, true);
  TeacherSettings settings;
  settings.optimizer = student.settings.optimizer;
  settings.target_update = 3;
  Rng rng(7);
  Teacher teacher(settings,
                  MakeFusedModel(Network(), settings.optimizer, InitialParameters(Network(), rng)),
                  LabelRows::kS, false);
  Students second = Host(std::move(student));
  for (int update = 0; update < 10; ++update) {
    const auto batch = RandomBatch(rng);
    replay::Batch same;
    same.handles.assign(kRows, 0);
    same.weights = batch.weights;
    same.actions = batch.actions;
    same.rewards = batch.rewards;
    same.discounts = batch.discounts;
    const auto half =
        batch.observations.begin() + static_cast<std::ptrdiff_t>(batch.observations.size() / 2);
    same.observations.assign(batch.observations.begin(), half);
    same.next_observations.assign(half, batch.observations.end());
    EXPECT_EQ(second.Update(batch)[0].loss, teacher.Update(same).loss);
  }
  EXPECT_EQ(second.Parameters(0), teacher.Parameters());
}

TEST(StudentGraphTest, LambdaOfZeroIsLearningFromRewardsAloneBitForBit) {
  auto with_labels = Student(9, {LabelLink{}}, true);
  with_labels.settings.rewards->lambda = {LambdaSettings::Kind::kLinear, 0, 0, 0};
  Students zero = Host(std::move(with_labels));
  Students alone = Host(Student(9, {}, true));
  Students kicked = Host(Student(9, {LabelLink{}}, true));
  Rng rng(65);
  for (int update = 0; update < 5; ++update) {
    const auto batch = RandomBatch(rng);
    zero.Update(batch);
    alone.Update(batch);
    kicked.Update(batch);
  }
  EXPECT_EQ(zero.Parameters(0), alone.Parameters(0));
  EXPECT_NE(kicked.Parameters(0), alone.Parameters(0));
}

TEST(StudentGraphTest, TheReturnGapSetsLambdaFromTheTurn) {
  auto gap = Student(9, {LabelLink{}}, true);
  gap.settings.rewards->lambda.kind = LambdaSettings::Kind::kReturnGap;
  auto half = Student(9, {LabelLink{}}, true);
  half.settings.rewards->lambda = {LambdaSettings::Kind::kLinear, 0.5, 0.5, 0};
  Students by_gap = Host(std::move(gap));
  Students fixed = Host(std::move(half));
  Rng rng(66);
  const auto batch = RandomBatch(rng);
  StudentTurn turn;
  turn.retention = {0.5F};
  EXPECT_EQ(by_gap.Update(batch, turn)[0].loss, fixed.Update(batch)[0].loss);
  EXPECT_EQ(by_gap.Parameters(0), fixed.Parameters(0));
}

TEST(StudentGraphTest, ASkippedStudentStaysAsItIsAndStillLabels) {
  Students chain = Host(Student(1, {LabelLink{}}), Student(2, {LabelLink{0, 1}}));
  const auto before = chain.Parameters(0);
  const auto before_second = chain.Parameters(1);
  Rng rng(67);
  StudentTurn turn;
  turn.skip = {1, 0};
  const auto steps = chain.Update(RandomBatch(rng), turn);
  EXPECT_TRUE(steps[0].skipped);
  EXPECT_FALSE(steps[1].skipped);
  EXPECT_EQ(chain.Parameters(0), before);
  EXPECT_NE(chain.Parameters(1), before_second);
}

TEST(StudentGraphTest, LearnsFromTheLabelsThatItAskedFor) {
  auto wants_average = Student(3, {LabelLink{}});
  wants_average.settings.label_source = LabelChoice::kAverage;
  Students average = Host(std::move(wants_average));
  Students current = Host(Student(3, {LabelLink{}}));
  Rng rng(68);
  auto batch = RandomBatch(rng);
  auto with_average = batch;
  with_average.others = {{LabelChoice::kAverage, 0, batch.labels}};
  with_average.labels = RandomFloats(batch.labels.size(), rng);
  EXPECT_EQ(average.Update(with_average)[0].loss, current.Update(batch)[0].loss);
  // The frozen teacher has one kind of labels: everybody learns from those.
  EXPECT_EQ(average.Update(batch)[0].loss, current.Update(batch)[0].loss);
}

TEST(StudentGraphTest, AStateBringsTargetNetworkAndScheduleBack) {
  Rng rng(69);
  auto ramp = [] {
    auto student = Student(4, {LabelLink{}}, true);
    student.settings.rewards->lambda = {LambdaSettings::Kind::kLinear, 1, 0, 8};
    return student;
  };
  Students whole = Host(ramp());
  Students resumed = Host(ramp());
  for (int update = 0; update < 4; ++update) whole.Update(RandomBatch(rng));
  resumed.Load(0, whole.Save(0));
  for (int update = 0; update < 4; ++update) {
    const auto batch = RandomBatch(rng);
    EXPECT_EQ(whole.Update(batch)[0].loss, resumed.Update(batch)[0].loss);
  }
  EXPECT_EQ(whole.Parameters(0), resumed.Parameters(0));
}

TEST(StudentGraphTest, RefusesBatchesWithoutTheRewardsThatAStudentNeeds) {
  Students students = Host(Student(5, {}, true));
  Rng rng(70);
  auto batch = RandomBatch(rng);
  batch.rewards.clear();
  EXPECT_THROW(students.Update(batch), ShapeError);
}

TEST(LambdaTest, IsFixedOrARampOrTheGapOfReturns) {
  const LambdaSettings fixed{LambdaSettings::Kind::kLinear, 0.5, 0.5, 0};
  EXPECT_EQ(LambdaNow(fixed, 1000, nullptr), 0.5);
  const LambdaSettings ramp{LambdaSettings::Kind::kLinear, 2, 1, 100};
  EXPECT_EQ(LambdaNow(ramp, 0, nullptr), 2);
  EXPECT_EQ(LambdaNow(ramp, 50, nullptr), 1.5);
  EXPECT_EQ(LambdaNow(ramp, 1000, nullptr), 1);
  const LambdaSettings gap{LambdaSettings::Kind::kReturnGap, 1, 1, 0};
  const float worse = -0.5F, quarter = 0.25F, better = 1.5F;
  EXPECT_EQ(LambdaNow(gap, 0, nullptr), 1);
  EXPECT_EQ(LambdaNow(gap, 0, &worse), 1);
  EXPECT_EQ(LambdaNow(gap, 0, &quarter), 0.75);
  EXPECT_EQ(LambdaNow(gap, 0, &better), 0);
}

}  // namespace
}  // namespace stillhouse::learner
