#include "learner/protocol/compute_loader.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "common/base/error.h"

namespace stillhouse::learner {
namespace {

template <typename Run>
std::string ConfigErrorOf(Run run) {
  try {
    run();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no ConfigError";
}

TEST(ComputeModuleTest, AMissingModuleIsAClearError) {
  const auto message = ConfigErrorOf([] { ComputeModule::Load("/nowhere/stillhouse_learner.so"); });
  EXPECT_NE(message.find("/nowhere/stillhouse_learner.so"), std::string::npos) << message;
}

TEST(ComputeModuleTest, AnotherLibraryIsRefused) {
  const auto message = ConfigErrorOf([] { ComputeModule::Load("libm.so.6"); });
  EXPECT_NE(message.find("stillhouse_make_compute_factory"), std::string::npos) << message;
}

TEST(ComputeModuleTest, ThreadsAndBlasAreSetUpUnlessTheUserDid) {
  setenv("OMP_NUM_THREADS", "3", 1);
  unsetenv("OPENBLAS_NUM_THREADS");
  ConfigErrorOf([] { ComputeModule::Load("/nowhere/stillhouse_learner.so"); });
  EXPECT_STREQ(std::getenv("OMP_NUM_THREADS"), "3");
  EXPECT_STREQ(std::getenv("OPENBLAS_NUM_THREADS"), "1");
}

/// Loads the real module where the build has made one, so that what crosses the boundary is tried
/// in this small program too: calls, vectors, exceptions.
TEST(ComputeModuleTest, TheModuleTeachesAndThrowsAcrossTheBoundary) {
  const std::filesystem::path file = STILLHOUSE_BINARY_DIR "/stillhouse_learner.so";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not built";
  const ComputeModule module = ComputeModule::Load(file);
  EXPECT_NE(module.Factory().Describe().find("LibTorch"), std::string::npos);

  RunConfig config;
  config.teacher.device = "cpu";
  config.teacher.network = {{.kind = LayerKind::kLinear, .units = 8},
                            {.kind = LayerKind::kRelu},
                            {.kind = LayerKind::kQHead, .dueling = true}};
  StudentSettings student;
  student.network = {{.kind = LayerKind::kQHead}};
  config.students = {student, student};
  EnvironmentSpec environment;
  environment.observation = {ElementKind::kFloats, {2}};
  environment.num_actions = 2;
  environment.canonical_action = {0, 1};

  const auto teacher =
      module.Factory().MakeTeacher(config, environment, LabelRows::kSAndNext, true);
  replay::Batch batch;
  batch.handles.resize(2);
  batch.actions = {0, 1};
  batch.rewards = {1, 0};
  batch.discounts = {0.9F, 0};
  batch.weights = {1, 1};
  batch.observations.resize(16);
  batch.next_observations.resize(16);
  const auto before = teacher->Parameters();
  EXPECT_EQ(teacher->Update(batch).labels.size(), 8U);
  EXPECT_NE(teacher->Parameters(), before);
  batch.weights.pop_back();
  EXPECT_THROW(teacher->Update(batch), ShapeError);

  const std::array<std::size_t, 2> hosted = {0, 1};
  const auto students = module.Factory().MakeStudents(config, environment, hosted);
  EXPECT_EQ(students->Parameters(0).size(), 6U);
  EXPECT_NE(students->Parameters(0), students->Parameters(1));

  const auto again = module.Factory().MakeTeacher(config, environment, LabelRows::kSAndNext, true);
  EXPECT_EQ(again->Parameters(), before);
  config.teacher.device = "cuda:99";
  EXPECT_THROW(module.Factory().MakeTeacher(config, environment, LabelRows::kS, true), ConfigError);
}

}  // namespace
}  // namespace stillhouse::learner
