// The teacher against the same algorithm written with autograd and torch::optim.
#include "learner/td/teacher.h"

#include <array>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "common/base/error.h"
#include "learner/nn/torch_network.h"
#include "tests/learner/nn/test_networks.h"

namespace stillhouse::learner {
namespace {

constexpr std::size_t kRows = 8;

NetworkSpec Network() { return VariedNetworks()[0]; }

TeacherSettings Settings() {
  TeacherSettings settings;
  settings.optimizer.learning_rate = 1e-3;
  settings.target_update = 3;
  settings.average = 20;
  return settings;
}

replay::Batch RandomBatch(const NetworkSpec& spec, Rng& rng) {
  replay::Batch batch;
  batch.handles.resize(kRows);
  batch.observations = RandomPacked(spec.Observation(), kRows, rng);
  batch.next_observations = RandomPacked(spec.Observation(), kRows, rng);
  for (std::size_t b = 0; b < kRows; ++b) {
    batch.actions.push_back(static_cast<std::int32_t>(rng.Below(6)));
    batch.rewards.push_back(static_cast<float>(rng.Uniform()));
    batch.discounts.push_back(b % 4 == 3 ? 0 : 0.97F);
    batch.weights.push_back(static_cast<float>(0.2 + rng.Uniform()));
  }
  return batch;
}

Teacher MakeTeacher(const TeacherSettings& settings, LabelRows rows = LabelRows::kSAndNext,
                    bool want_labels = true) {
  Rng rng(3);
  const auto spec = Network();
  const auto initial = InitialParameters(spec, rng);
  return Teacher(settings, MakeFusedModel(spec, settings.optimizer, initial), rows, want_labels);
}

/// Double DQN with importance weights as a textbook writes it.
class EagerTeacher {
 public:
  EagerTeacher(const NetworkSpec& spec, const TeacherSettings& settings,
               const std::vector<float>& initial)
      : spec_(spec),
        settings_(settings),
        parameters_(Tensor(initial).requires_grad_(true)),
        target_(parameters_.detach().clone()),
        adam_({parameters_}, torch::optim::AdamOptions(settings.optimizer.learning_rate)) {}

  double Update(replay::Batch batch) {
    const auto s = Unpack(batch.observations);
    const auto next = Unpack(batch.next_observations);
    torch::Tensor target;
    {
      const torch::NoGradGuard no_grad;
      const auto best = TorchForward(spec_, parameters_, next).argmax(1, true);
      const auto value = TorchForward(spec_, target_, next).gather(1, best).squeeze(1);
      target = Tensor(batch.rewards) + Tensor(batch.discounts) * value;
    }
    const auto actions =
        torch::from_blob(batch.actions.data(), {std::ssize(batch.actions), 1}, torch::kInt32)
            .to(torch::kInt64);
    const auto q = TorchForward(spec_, parameters_, s).gather(1, actions).squeeze(1);
    const auto loss = (Tensor(batch.weights) * (q - target).square()).mean();
    adam_.zero_grad();
    loss.backward();
    torch::nn::utils::clip_grad_norm_({parameters_}, settings_.optimizer.max_grad_norm);
    adam_.step();
    if (++updates_ % settings_.target_update == 0) target_ = parameters_.detach().clone();
    return loss.item<double>();
  }

  std::vector<float> Parameters() const {
    return {parameters_.data_ptr<float>(), parameters_.data_ptr<float>() + parameters_.numel()};
  }

 private:
  static torch::Tensor Tensor(const std::vector<float>& values) {
    return torch::tensor(torch::ArrayRef<float>(values.data(), values.size()), torch::kFloat32);
  }
  torch::Tensor Unpack(std::vector<std::uint8_t>& packed) const {
    return UnpackObservations(
        spec_.Observation(),
        torch::from_blob(packed.data(), {kRows, spec_.Observation().PackedBytes()}, torch::kUInt8));
  }

  const NetworkSpec spec_;
  const TeacherSettings settings_;
  torch::Tensor parameters_, target_;
  torch::optim::Adam adam_;
  std::int64_t updates_ = 0;
};

TEST(TeacherTest, TargetsAreOfTheLegalActionsOfTheNextState) {
  Rng rng(8);
  NetworkSpec plain = Network();
  TensorSpec observation = plain.Observation();
  observation.masked_actions = 6;
  const NetworkSpec masked = NetworkSpec::Create(plain.Layers(), observation, 6);
  const replay::Batch batch = RandomBatch(plain, rng);
  const auto with_masks = [&](std::uint8_t mask) {
    replay::Batch made = batch;
    for (auto* rows : {&made.observations, &made.next_observations}) {
      const std::size_t bytes = rows->size() / kRows;
      std::vector<std::uint8_t> longer;
      for (std::size_t b = 0; b < kRows; ++b) {
        const auto from = rows->begin() + static_cast<std::ptrdiff_t>(b * bytes);
        longer.insert(longer.end(), from, from + static_cast<std::ptrdiff_t>(bytes));
        longer.push_back(rows == &made.observations ? 0x3f : mask);
      }
      *rows = longer;
    }
    return made;
  };
  Rng initial(3);
  const auto parameters = InitialParameters(plain, initial);
  const auto teacher = [&](const NetworkSpec& spec, bool double_q) {
    TeacherSettings settings = Settings();
    settings.algorithm.double_q = double_q;
    return Teacher(settings, MakeFusedModel(spec, settings.optimizer, parameters), LabelRows::kS,
                   false);
  };
  NativeNetwork network(plain);
  network.SetParameters(parameters);
  std::vector<float> q(kRows * 6), q_next(kRows * 6);
  network.Forward(batch.observations, kRows, q);
  network.Forward(batch.next_observations, kRows, q_next);
  for (const bool double_q : {false, true}) {
    const auto errors = teacher(masked, double_q).Update(with_masks(0b010000)).td_errors;
    for (std::size_t b = 0; b < kRows; ++b) {
      // Only action 4 is legal there: its value bootstraps, however low it is.
      const float target = batch.rewards[b] + batch.discounts[b] * q_next[b * 6 + 4];
      const float own = q[b * 6 + static_cast<std::size_t>(batch.actions[b])];
      EXPECT_NEAR(std::abs(errors[b]), std::abs(target - own), 1e-5);
    }
    EXPECT_EQ(teacher(masked, double_q).Update(with_masks(0x3f)).td_errors,
              teacher(plain, double_q).Update(batch).td_errors);
  }
}

TEST(TeacherTest, AGradientAndAStepAlongItAreAnUpdateBitForBit) {
  for (const bool torch : {false, true}) {
    const auto spec = Network();
    const auto make = [&] {
      Rng rng(3);
      const auto initial = InitialParameters(spec, rng);
      const TeacherSettings settings = Settings();
      return Teacher(settings,
                     torch ? MakeTorchModel(spec, settings.optimizer, initial, "cpu")
                           : MakeFusedModel(spec, settings.optimizer, initial),
                     LabelRows::kSAndNext, true);
    };
    Teacher whole = make();
    Teacher parts = make();
    Rng rng(5);
    for (int update = 0; update < 7; ++update) {
      const auto batch = RandomBatch(spec, rng);
      const TeacherStep expected = whole.Update(batch);
      const TeacherStep step = parts.Gradient(batch);
      EXPECT_EQ(parts.StepAlong(step.gradient), expected.grad_norm);
      EXPECT_EQ(step.loss, expected.loss);
      EXPECT_EQ(step.td_errors, expected.td_errors);
      EXPECT_EQ(step.labels, expected.labels);
      EXPECT_EQ(step.check != 0, update == 0);
    }
    EXPECT_EQ(parts.Parameters(), whole.Parameters());
    EXPECT_EQ(parts.Save().average_missing, whole.Save().average_missing);
  }
}

// What data-parallel learners rely on.
TEST(TeacherTest, TheMeanOfTheGradientsOfTwoHalvesIsTheGradientOfTheBatch) {
  const auto spec = Network();
  Rng rng(8);
  auto batch = RandomBatch(spec, rng);
  auto other = RandomBatch(spec, rng);
  replay::Batch both = batch;
  const auto append = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  append(both.handles, other.handles);
  append(both.observations, other.observations);
  append(both.next_observations, other.next_observations);
  append(both.actions, other.actions);
  append(both.rewards, other.rewards);
  append(both.discounts, other.discounts);
  append(both.weights, other.weights);
  Teacher teacher = MakeTeacher(Settings());
  const auto one = teacher.Gradient(batch).gradient;
  const auto two = teacher.Gradient(other).gradient;
  const auto whole = teacher.Gradient(both).gradient;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_NEAR((one[i] + two[i]) / 2, whole[i], 1e-6 + 1e-4 * std::abs(whole[i]));
  }
}

TEST(TeacherTest, LearnsAsTheTextbookDoes) {
  Rng init(3);
  const auto spec = Network();
  EagerTeacher eager(spec, Settings(), InitialParameters(spec, init));
  Teacher teacher = MakeTeacher(Settings());
  Rng rng(21);
  for (int update = 0; update < 12; ++update) {
    const auto batch = RandomBatch(spec, rng);
    const double expected = eager.Update(batch);
    EXPECT_NEAR(teacher.Update(batch).loss, expected, 1e-5 * (1 + expected));
  }
  // Adam divides by sqrt(v): where gradients are near 0 rounding decides the direction of a step,
  // so twelve steps of 1e-3 may differ by far more than 1e-5 in few places and hardly on average.
  const auto got = teacher.Parameters();
  const auto expected = eager.Parameters();
  double difference = 0;
  for (std::size_t i = 0; i < got.size(); ++i) difference += std::abs(got[i] - expected[i]);
  EXPECT_LT(difference / static_cast<double>(got.size()), 1e-6);
}

TEST(TeacherTest, LabelsAreTheQValuesBeforeTheUpdate) {
  Teacher teacher = MakeTeacher(Settings());
  Rng rng(22);
  const auto batch = RandomBatch(Network(), rng);
  const auto before = teacher.Label(batch).labels;
  const auto step = teacher.Update(batch);
  EXPECT_EQ(step.labels, before);
  EXPECT_EQ(step.labels.size(), 2 * kRows * 6);
  EXPECT_NE(teacher.Label(batch).labels, before);
  double q_mean = 0;
  for (std::size_t b = 0; b < kRows; ++b) {
    q_mean += before[b * 6 + static_cast<std::size_t>(batch.actions[b])] / kRows;
  }
  EXPECT_NEAR(step.q_mean, q_mean, 1e-6);
}

TEST(TeacherTest, LaggedLabelsAreTheTargetNetworks) {
  const auto spec = Network();
  Rng init(3), rng(12);
  Teacher teacher(Settings(),
                  MakeFusedModel(spec, Settings().optimizer, InitialParameters(spec, init)),
                  LabelRows::kSAndNext, true, {LabelChoice::kLagged});
  std::vector<float> as_copied;  // parameters at the last hard copy, after 3 updates
  for (int update = 0; update < 5; ++update) {
    if (update == 3) as_copied = teacher.Parameters();
    const auto batch = RandomBatch(spec, rng);
    const auto step = teacher.Update(batch);
    ASSERT_EQ(step.extras.others.size(), 1U);
    EXPECT_EQ(step.extras.others[0].teacher_updates, update < 3 ? 0U : 3U);
    if (update < 4) continue;
    auto model = MakeFusedModel(spec, Settings().optimizer, as_copied);
    const std::array<PackedRows, 2> parts = {batch.observations, batch.next_observations};
    const auto expected = model->Forward(parts);
    EXPECT_EQ(step.extras.others[0].labels, std::vector<float>(expected.begin(), expected.end()));
  }
}

TEST(TeacherTest, AverageLabelsAreTheFinalTeachersOfThatMoment) {
  const auto spec = Network();
  Rng init(3), rng(13);
  Teacher teacher(Settings(),
                  MakeFusedModel(spec, Settings().optimizer, InitialParameters(spec, init)),
                  LabelRows::kSAndNext, true, {LabelChoice::kAverage});
  for (int update = 0; update < 30; ++update) teacher.Update(RandomBatch(spec, rng));
  const auto batch = RandomBatch(spec, rng);
  const TeacherState state = teacher.Save();
  const auto step = teacher.Update(batch);
  EXPECT_EQ(step.extras.others.at(0).teacher_updates, 30U);
  teacher.Load(state);
  EXPECT_EQ(teacher.Update(batch).extras.others.at(0).labels, step.extras.others[0].labels);
  teacher.Load(state);
  teacher.Freeze(FinalTeacher::kAverage);
  const auto frozen = teacher.Label(batch).labels;
  ASSERT_EQ(frozen.size(), step.extras.others[0].labels.size());
  // Another backend computes them: rounding of float sums over a few hundred terms.
  for (std::size_t i = 0; i < frozen.size(); ++i) {
    EXPECT_NEAR(frozen[i], step.extras.others[0].labels[i], 1e-4);
  }
}

TEST(TeacherTest, TheBestParametersLabelOnceTheyAreKnownAndCanBeTheFinalOnes) {
  const auto spec = Network();
  Rng init(3), rng(14);
  Teacher teacher(Settings(),
                  MakeFusedModel(spec, Settings().optimizer, InitialParameters(spec, init)),
                  LabelRows::kS, true, {LabelChoice::kBest});
  EXPECT_TRUE(teacher.Update(RandomBatch(spec, rng)).extras.others.empty());
  const auto best = teacher.Parameters();
  teacher.KeepBest(best, 1);
  for (int update = 0; update < 5; ++update) teacher.Update(RandomBatch(spec, rng));
  const auto batch = RandomBatch(spec, rng);
  const auto step = teacher.Update(batch);
  ASSERT_EQ(step.extras.others.size(), 1U);
  EXPECT_EQ(step.extras.others[0].choice, LabelChoice::kBest);
  EXPECT_EQ(step.extras.others[0].teacher_updates, 1U);
  auto model = MakeFusedModel(spec, Settings().optimizer, best);
  const PackedRows rows = batch.observations;
  const auto expected = model->Forward({&rows, 1});
  ASSERT_EQ(step.extras.others[0].labels.size(), expected.size());
  // Another backend computes them.
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(step.extras.others[0].labels[i], expected[i], 1e-4);
  }
  Teacher resumed = MakeTeacher(Settings());
  resumed.Load(teacher.Save());
  resumed.Freeze(FinalTeacher::kBest);
  EXPECT_EQ(resumed.Parameters(), best);
}

TEST(TeacherTest, LabelsOnlyWhatIsWanted) {
  Rng rng(23);
  const auto batch = RandomBatch(Network(), rng);
  Teacher s_only = MakeTeacher(Settings(), LabelRows::kS);
  Teacher silent = MakeTeacher(Settings(), LabelRows::kSAndNext, false);
  Teacher full = MakeTeacher(Settings());
  auto single = Settings();
  single.algorithm.double_q = false;
  Teacher plain = MakeTeacher(single, LabelRows::kS);
  const auto all = full.Update(batch);
  const auto half = s_only.Update(batch);
  EXPECT_EQ(half.labels.size(), kRows * 6);
  EXPECT_TRUE(std::equal(half.labels.begin(), half.labels.end(), all.labels.begin()));
  EXPECT_TRUE(silent.Update(batch).labels.empty());
  EXPECT_EQ(plain.Update(batch).labels.size(), kRows * 6);
  EXPECT_EQ(half.td_errors, all.td_errors);
  EXPECT_EQ(silent.Parameters(), full.Parameters());
}

TEST(TeacherTest, FreezesToTheCorrectedAverageOfItsWeights) {
  auto settings = Settings();
  settings.average = 20;  // so that the average moves in every update
  Teacher teacher = MakeTeacher(settings);
  Rng rng(24);
  std::vector<double> sum(teacher.Parameters().size());
  double weights = 0;
  for (int update = 0; update < 15; ++update) {
    teacher.Update(RandomBatch(Network(), rng));
    const auto now = teacher.Parameters();
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] = sum[i] * 0.95 + 0.05 * now[i];
    weights = weights * 0.95 + 0.05;
  }
  Teacher copy = MakeTeacher(settings);
  teacher.Freeze(FinalTeacher::kAverage);
  const auto frozen = teacher.Parameters();
  for (std::size_t i = 0; i < sum.size(); ++i) ASSERT_NEAR(frozen[i], sum[i] / weights, 1e-6);
  const auto initial = copy.Parameters();
  copy.Freeze(FinalTeacher::kAverage);  // nothing learnt: nothing to average
  EXPECT_EQ(copy.Parameters(), initial);
}

TEST(TeacherTest, FreezingTheLastChangesNothing) {
  Teacher teacher = MakeTeacher(Settings());
  Rng rng(25);
  teacher.Update(RandomBatch(Network(), rng));
  const auto last = teacher.Parameters();
  teacher.Freeze(FinalTeacher::kLast);
  EXPECT_EQ(teacher.Parameters(), last);
}

TEST(TeacherTest, StopsWhenTheLossIsNotFiniteAndKeepsItsParameters) {
  Teacher teacher = MakeTeacher(Settings());
  Rng rng(26);
  auto batch = RandomBatch(Network(), rng);
  const auto before = teacher.Parameters();
  batch.rewards[2] = std::numeric_limits<float>::infinity();
  EXPECT_THROW(teacher.Update(batch), NumericError);
  EXPECT_EQ(teacher.Parameters(), before);
}

TEST(TeacherTest, RefusesBatchesThatDoNotFit) {
  Teacher teacher = MakeTeacher(Settings());
  Rng rng(27);
  auto batch = RandomBatch(Network(), rng);
  batch.next_observations.pop_back();
  EXPECT_THROW(teacher.Update(batch), ShapeError);
  EXPECT_THROW(teacher.Update({}), ShapeError);
}

}  // namespace
}  // namespace stillhouse::learner
