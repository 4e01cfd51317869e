#include "common/config/feature_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/config/config_check.h"
#include "common/config/config_load.h"
#include "common/config/config_print.h"

namespace stillhouse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kTeacher =
    "env: {id: minatar/breakout}\n"
    "teacher: {network: {layers: [{conv2d: {filters: 8, kernel: 3}}, relu, flatten, {linear: 32}, "
    "relu, q_head]}}\n"
    "students:\n";

RunConfig Load(const std::string& student) {
  return LoadConfigText(std::string(kTeacher) + "  s: {" + student + "}", "c.yaml");
}

std::string ErrorsOf(const std::string& student) {
  try {
    Load(student);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

EnvironmentSpec Breakout() {
  EnvironmentSpec spec;
  spec.observation = {ElementKind::kBits, {4, 10, 10}};
  spec.num_actions = 6;
  return spec;
}

const std::string kNetwork =
    "network: {layers: [{conv2d: {filters: 4, kernel: 3}}, relu, {residual: {layers: [{conv2d: "
    "{filters: 4, kernel: 3, padding: 1}}, relu]}}, flatten, {linear: 16}, relu, q_head]}, ";

TEST(NamedLayerTest, ByNumberByKindAndTheOneBeforeTheHead) {
  const auto layers = Load(kNetwork).students[0].network;
  // 0 conv, 1 relu, 2 block begins, 3 conv, 4 relu, 5 block ends, 6 flatten, 7 linear, 8 relu
  EXPECT_EQ(NamedLayer(layers, "auto"), 8U);
  EXPECT_EQ(NamedLayer(layers, "3"), 3U);
  EXPECT_EQ(NamedLayer(layers, "conv2d_2"), 3U);
  EXPECT_EQ(NamedLayer(layers, "relu_3"), 8U);
  EXPECT_EQ(NamedLayer(layers, "residual_1"), 5U);
  for (const char* none : {"relu_4", "relu_0", "relu", "9", "_1", "q_head_1", "tanh_1", "relu_x"}) {
    EXPECT_EQ(NamedLayer(layers, none), std::nullopt) << none;
  }
}

TEST(FeatureCheckTest, SettingsGoThroughPrintAndLoad) {
  const RunConfig config = Load(
      "features: {kind: autoencoder, weight: {from: 1, to: 0, updates: 100}, teacher_layer: "
      "relu_1, "
      "student_layer: conv2d_1, factors: 3}");
  EXPECT_EQ(config.students[0].features.factors, 3);
  EXPECT_EQ(LoadConfigText(PrintConfig(config), "printed"), config);
}

TEST(FeatureCheckTest, LayersThatAreNotThereAreNamedWithTheirLine) {
  EXPECT_THAT(ErrorsOf("features: {kind: hint, teacher_layer: relu_3}"),
              HasSubstr("c.yaml:4: students.s.features.teacher_layer: the teacher has no layer "
                        "relu_3 before its head"));
  EXPECT_THAT(ErrorsOf("features: {kind: hint, student_layer: '77'}"),
              HasSubstr("students.s.features.student_layer: the student has no layer 77"));
}

TEST(FeatureCheckTest, FeaturesNeedTheTeacherAsASource) {
  EXPECT_THAT(ErrorsOf("from: [], rewards: true, features: {kind: hint}"),
              HasSubstr("students.s.features.kind: features are the teacher's"));
  EXPECT_THAT(ErrorsOf("features: {kind: hint}, data: {shuffle_labels: true}"),
              HasSubstr("features would still tell"));
  EXPECT_THAT(ErrorsOf("features: {weight: 2}"), HasSubstr("has no meaning here"));
}

TEST(FeatureCheckTest, ShapesAreJudgedByKind) {
  const auto errors = [](const std::string& features) {
    return CheckNetworks(Load(kNetwork + "features: {" + features + "}"), Breakout());
  };
  EXPECT_THAT(errors("kind: hint"), IsEmpty());
  EXPECT_THAT(errors("kind: hint, teacher_layer: relu_1, student_layer: residual_1"), IsEmpty());
  EXPECT_THAT(errors("kind: hint, teacher_layer: relu_1"),
              ElementsAre(HasSubstr("students.s.features: hint compares position by position: the "
                                    "teacher's layer 1 has 8 channels of 64 positions, the "
                                    "student's layer 8 16 of 1")));
  EXPECT_THAT(errors("kind: attention"), ElementsAre(HasSubstr("between positions of images")));
  EXPECT_THAT(errors("kind: relational, teacher_layer: relu_1"), IsEmpty());
  EXPECT_THAT(errors("kind: autoencoder, factors: 33"), ElementsAre(HasSubstr("compress nothing")));
}

TEST(FeatureCheckTest, SharedLayersAreTheTeachers) {
  const std::string same =
      "network: {layers: [{conv2d: {filters: 8, kernel: 3}}, relu, flatten, {linear: 8}, relu, "
      "q_head]}, ";
  const RunConfig config = Load(same + "shared_layers: 3");
  const auto spec = NetworkSpec::Create(config.students[0].network, Breakout().observation, 6);
  EXPECT_EQ(ParametersOfFirst(spec, 3), 8U * 4 * 9 + 8);
  EXPECT_EQ(ParametersOfFirst(spec, 0), 0U);
  EXPECT_THAT(ErrorsOf(same + "shared_layers: 4"),
              HasSubstr("students.s.shared_layers: the first 4 layers must be the teacher's"));
  EXPECT_THAT(ErrorsOf(same + "shared_layers: 6"), HasSubstr("the head not among them"));
  EXPECT_THAT(ErrorsOf(same + "shared_layers: 3, from: [], rewards: true"),
              HasSubstr("only for a student of the teacher alone"));
}

}  // namespace
}  // namespace stillhouse
