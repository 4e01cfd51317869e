// A model that is saved and loaded learns on exactly as if it had never stopped.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "common/base/error.h"
#include "learner/distill/students.h"
#include "learner/protocol/checkpoint_state.h"
#include "learner/td/teacher.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

constexpr std::size_t kRows = 8;

struct Backend {
  const char* name;
  bool torch;
};

std::unique_ptr<TrainedModel> MakeModel(const Backend& backend, const NetworkSpec& spec,
                                        const OptimizerSettings& optimizer, std::uint64_t seed) {
  Rng rng(seed);
  const auto initial = InitialParameters(spec, rng);
  return backend.torch ? MakeTorchModel(spec, optimizer, initial, "cpu")
                       : MakeFusedModel(spec, optimizer, initial);
}

std::vector<OptimizerSettings> Optimizers() {
  OptimizerSettings adam;
  OptimizerSettings plain;
  plain.kind = OptimizerSettings::Kind::kRmsProp;
  plain.centered = false;
  OptimizerSettings centred = plain;
  centred.centered = true;
  centred.momentum = 0.9;
  return {adam, plain, centred};
}

replay::Batch RandomBatch(const NetworkSpec& spec, Rng& rng) {
  replay::Batch batch;
  batch.handles.resize(kRows);
  batch.observations = RandomPacked(spec.Observation(), kRows, rng);
  batch.next_observations = RandomPacked(spec.Observation(), kRows, rng);
  for (std::size_t b = 0; b < kRows; ++b) {
    batch.actions.push_back(
        static_cast<std::int32_t>(rng.Below(static_cast<std::uint64_t>(spec.NumActions()))));
    batch.rewards.push_back(static_cast<float>(rng.Uniform()));
    batch.discounts.push_back(0.97F);
    batch.weights.push_back(1);
  }
  return batch;
}

class ResumeTest : public ::testing::TestWithParam<Backend> {};

TEST_P(ResumeTest, ATeacherGoesOnBitForBitThroughTheCheckpointsOwnBytes) {
  const NetworkSpec spec = VariedNetworks()[0];
  for (const auto& optimizer : Optimizers()) {
    TeacherSettings settings;
    settings.optimizer = optimizer;
    settings.target_update = 4;
    settings.average = 10;
    const auto make = [&](std::uint64_t seed) {
      return Teacher(settings, MakeModel(GetParam(), spec, optimizer, seed), LabelRows::kS, false);
    };
    Teacher whole = make(1);
    Rng rng(7);
    std::vector<replay::Batch> batches;
    for (int i = 0; i < 12; ++i) batches.push_back(RandomBatch(spec, rng));
    for (int i = 0; i < 6; ++i) whole.Update(batches[static_cast<std::size_t>(i)]);

    LearnerState state{6, 48, 3, 0, false, 0.5, 1.5, 2.5, Rng(4).Save(), whole.Save()};
    const auto bytes = state.Encode();
    const LearnerState read = LearnerState::Decode(bytes);
    EXPECT_EQ(read.Encode(), bytes);
    EXPECT_EQ(read.samples, 48U);
    EXPECT_EQ(read.sampler, Rng(4).Save());

    Teacher resumed = make(99);  // another start, which the state replaces
    resumed.Load(read.teacher);
    for (std::size_t i = 6; i < 12; ++i) {
      const auto a = whole.Update(batches[i]);
      const auto b = resumed.Update(batches[i]);
      EXPECT_EQ(a.loss, b.loss) << i;
      EXPECT_EQ(a.td_errors, b.td_errors) << i;
    }
    EXPECT_EQ(whole.Parameters(), resumed.Parameters());
    whole.Freeze(FinalTeacher::kAverage);
    resumed.Freeze(FinalTeacher::kAverage);
    EXPECT_EQ(whole.Parameters(), resumed.Parameters()) << "the Polyak average";
  }
}

TEST_P(ResumeTest, AStudentGoesOnBitForBit) {
  const NetworkSpec spec = VariedNetworks()[1];
  StudentSettings settings;
  settings.name = "small";
  const auto make = [&](std::uint64_t seed) {
    std::vector<HostedStudent> hosted;
    hosted.push_back({settings, MakeModel(GetParam(), spec, settings.optimizer, seed)});
    return Students(std::move(hosted), {0, 1, 2});
  };
  Rng rng(5);
  const auto batch_of = [&](std::uint64_t sequence) {
    LabelledBatch batch;
    batch.sequence = sequence;
    batch.batch = batch.rows = kRows;
    batch.num_actions = 3;
    batch.weights.assign(kRows, 1.0F);
    batch.labels = RandomFloats(kRows * 3, rng);
    batch.observations = RandomPacked(spec.Observation(), kRows, rng);
    return batch;
  };
  Students whole = make(1);
  for (int i = 0; i < 4; ++i) whole.Update(batch_of(0));
  const StudentState state{4, 2, 0.25, 0.75, whole.Save(0)};
  const auto bytes = state.Encode();
  Students resumed = make(2);
  resumed.Load(0, StudentState::Decode(bytes).memory);
  for (int i = 0; i < 4; ++i) {
    const auto batch = batch_of(1);
    EXPECT_EQ(whole.Update(batch)[0].loss, resumed.Update(batch)[0].loss);
  }
  EXPECT_EQ(whole.Parameters(0), resumed.Parameters(0));
}

INSTANTIATE_TEST_SUITE_P(Backends, ResumeTest,
                         ::testing::Values(Backend{"fused", false}, Backend{"torch", true}),
                         [](const auto& backend) { return std::string(backend.param.name); });

TEST(ResumeAcrossBackendsTest, AStateOfOneBackendIsAStateOfTheOther) {
  const NetworkSpec spec = VariedNetworks()[0];
  const OptimizerSettings optimizer;
  TeacherSettings settings;
  Teacher fused(settings, MakeModel({"", false}, spec, optimizer, 1), LabelRows::kS, false);
  Rng rng(2);
  for (int i = 0; i < 5; ++i) fused.Update(RandomBatch(spec, rng));
  Teacher torch(settings, MakeModel({"", true}, spec, optimizer, 2), LabelRows::kS, false);
  torch.Load(fused.Save());
  const auto batch = RandomBatch(spec, rng);
  fused.Update(batch);
  torch.Update(batch);
  const auto a = fused.Parameters();
  const auto b = torch.Parameters();
  // They add in another order: a few units in the last place.
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 2e-6) << i;
}

TEST(ResumeRefusalTest, RefusesAStateOfAnotherNetworkOrOptimiser) {
  const OptimizerSettings adam;
  OptimizerSettings rmsprop;
  rmsprop.kind = OptimizerSettings::Kind::kRmsProp;
  const auto specs = VariedNetworks();
  const auto model = MakeModel({"", false}, specs[0], adam, 1);
  EXPECT_THROW(MakeModel({"", false}, specs[1], adam, 1)->Load(model->Save()), ShapeError);
  EXPECT_THROW(MakeModel({"", false}, specs[0], rmsprop, 1)->Load(model->Save()), ShapeError);
}

TEST(ResumeRefusalTest, NeverSavesAModelThatIsNotFinite) {
  const NetworkSpec spec = VariedNetworks()[0];
  TeacherSettings settings;
  auto model = MakeModel({"", false}, spec, settings.optimizer, 1);
  auto parameters = model->Parameters();
  parameters[3] = std::numeric_limits<float>::infinity();
  model->SetParameters(parameters);
  const Teacher teacher(settings, std::move(model), LabelRows::kS, false);
  EXPECT_THROW(teacher.Save(), NumericError);
}

TEST(ResumeRefusalTest, RefusesEveryCutAndForeignBytes) {
  const NetworkSpec spec = VariedNetworks()[6];
  const OptimizerSettings adam;
  const StudentState state{4, 2, 0.25, 0.75, {MakeModel({"", false}, spec, adam, 1)->Save()}};
  const auto bytes = state.Encode();
  for (std::size_t size = 0; size < bytes.size(); size += 7) {
    EXPECT_THROW(StudentState::Decode({bytes.data(), size}), WireError) << size;
  }
  EXPECT_THROW(LearnerState::Decode(bytes), WireError);
}

}  // namespace
}  // namespace stillhouse::learner
