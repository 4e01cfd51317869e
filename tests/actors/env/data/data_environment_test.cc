#include "actors/env/data/data_environment.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/env/environment_factory.h"
#include "common/base/error.h"
#include "tests/support/environment_conformance.h"

namespace stillhouse::actors {
namespace {

using testing::HasSubstr;

std::vector<float> ImageOf(const Environment& environment) {
  const TensorSpec& spec = environment.Spec().observation;
  std::vector<float> values(static_cast<std::size_t>(spec.Elements()));
  Unpack(spec, ObservationOf(environment).data(), values.data());
  return values;
}

std::string MessageOf(const std::string& id, const DataSettings& settings) {
  try {
    EnvironmentMaker(id, {.data = settings});
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

DataSettings Resized(std::int32_t side) {
  DataSettings settings;
  settings.resize = side;
  return settings;
}

DataSettings Classes(std::int32_t omit, std::int32_t only) {
  DataSettings settings;
  settings.omit = omit;
  settings.only = only;
  return settings;
}

TEST(DataEnvironmentTest, KeepsTheEnvironmentsPromisesInBothUses) {
  for (const auto use : {EnvironmentUse::kTraining, EnvironmentUse::kEvaluation}) {
    const EnvironmentMaker make("data/digits");
    CheckEnvironmentConformance([&] { return make(use); });
  }
}

TEST(DataEnvironmentTest, AnExampleIsAnEpisodeOfOneStepThatPaysForItsLabel) {
  const auto environment = MakeEnvironment("data/digits");
  environment->Seed(1);
  for (int i = 0; i < 20; ++i) {
    environment->Reset();
    const auto truth = environment->Truth();
    ASSERT_TRUE(truth.has_value());
    const auto wrong = (*truth + 1) % 10;
    const StepResult result = environment->Step(i % 2 == 0 ? *truth : wrong);
    EXPECT_TRUE(result.terminated);
    EXPECT_EQ(result.reward, i % 2 == 0 ? 1.0F : 0.0F);
  }
}

TEST(DataEnvironmentTest, TrainingMeetsEveryExampleOnceAnEpochInANewOrder) {
  const auto data = LoadDigits({});
  ASSERT_EQ(data->train.Size(), 1079U);
  ASSERT_EQ(data->test.Size(), 359U);
  DataEnvironment environment(data, true);
  environment.Seed(5);
  std::vector<std::vector<std::vector<std::uint8_t>>> epochs(2);
  for (auto& epoch : epochs) {
    for (std::size_t i = 0; i < data->train.Size(); ++i) {
      environment.Reset();
      epoch.push_back(ObservationOf(environment));
    }
  }
  EXPECT_NE(epochs[0], epochs[1]);
  for (auto& epoch : epochs) std::sort(epoch.begin(), epoch.end());
  EXPECT_EQ(epochs[0], epochs[1]);
}

TEST(DataEnvironmentTest, ConsecutiveSeedsMeetEveryHeldOutExampleOnceAndNoneOfTraining) {
  const auto data = LoadDigits({});
  DataEnvironment training(data, true), evaluation(data, false);
  std::set<std::vector<std::uint8_t>> seen, held_out;
  for (std::size_t i = 0; i < data->train.Size(); ++i) {
    training.Reset();
    seen.insert(ObservationOf(training));
  }
  std::map<std::int32_t, int> labels;
  for (std::uint64_t seed = 7'000'000'123; seed < 7'000'000'123 + data->test.Size(); ++seed) {
    evaluation.Seed(seed);
    evaluation.Reset();
    held_out.insert(ObservationOf(evaluation));
    ++labels[*evaluation.Truth()];
  }
  EXPECT_EQ(held_out.size(), data->test.Size());
  EXPECT_EQ(labels.size(), 10U);
  for (const auto& example : held_out) EXPECT_FALSE(seen.contains(example));
}

TEST(DataEnvironmentTest, DigitsAreScaledToOneAndResized) {
  for (const std::int32_t side : {0, 28}) {
    const EnvironmentMaker make("data/digits", {.data = Resized(side)});
    const auto environment = make(EnvironmentUse::kTraining);
    const std::int64_t expected = side == 0 ? 8 : 28;
    EXPECT_EQ(environment->Spec().observation.shape,
              (std::vector<std::int64_t>{1, expected, expected}));
    float most = 0;
    double mean = 0;
    for (int i = 0; i < 200; ++i) {
      environment->Reset();
      for (const float pixel : ImageOf(*environment)) {
        most = std::max(most, pixel);
        mean += static_cast<double>(pixel) / 200.0 / static_cast<double>(expected * expected);
      }
    }
    EXPECT_EQ(most, 1.0F);           // 16 of 16
    EXPECT_NEAR(mean, 0.305, 0.01);  // of the file: 4.88 of 16; resizing keeps it
  }
}

TEST(DataEnvironmentTest, AClassCanBeOmittedFromTrainingAndAnotherEvaluatedAlone) {
  const auto data = LoadDigits(Classes(3, 5));
  EXPECT_EQ(data->spec.num_actions, 10);
  EXPECT_EQ(std::count(data->train.labels.begin(), data->train.labels.end(), 3), 0);
  EXPECT_GT(std::count(data->train.labels.begin(), data->train.labels.end(), 5), 90);
  EXPECT_EQ(std::count(data->test.labels.begin(), data->test.labels.end(), 5),
            static_cast<std::ptrdiff_t>(data->test.Size()));
  EXPECT_THAT(MessageOf("data/digits", Classes(10, -1)), HasSubstr("classes are 0 to 9"));
}

}  // namespace
}  // namespace stillhouse::actors
