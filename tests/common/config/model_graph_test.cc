#include "common/config/model_graph.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stillhouse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Student {
  std::string name;
  std::vector<SourceSettings> from;
  bool rewards = false;
};

ModelGraph Graph(const std::vector<Student>& students) {
  RunConfig config;
  for (const Student& student : students) {
    StudentSettings settings;
    settings.name = student.name;
    settings.from = student.from;
    if (student.rewards) settings.rewards.emplace();
    config.students.push_back(settings);
  }
  return ModelGraph::Of(config);
}

TEST(ModelGraphTest, WeightsOfAModelsSourcesSumToOne) {
  const auto graph = Graph({{"a", {{"teacher", 3}, {"b", 1}}}, {"b", {{"teacher", 5}}}});
  const auto& of_a = graph.Models()[1].from;
  ASSERT_EQ(of_a.size(), 2U);
  EXPECT_EQ(of_a[0].model, 0U);
  EXPECT_DOUBLE_EQ(of_a[0].weight, 0.75);
  EXPECT_EQ(of_a[1].model, 2U);
  EXPECT_DOUBLE_EQ(of_a[1].weight, 0.25);
  EXPECT_DOUBLE_EQ(graph.Models()[2].from[0].weight, 1);
}

TEST(ModelGraphTest, StudentsThatLabelForEachOtherAreOneGroup) {
  const auto graph = Graph({{"a", {{"teacher", 1}}},
                            {"b", {{"c", 1}}},
                            {"c", {{"teacher", 1}}},
                            {"d", {{"teacher", 1}}},
                            {"e", {{"b", 1}}}});
  EXPECT_THAT(graph.HostGroups(),
              ElementsAre(ElementsAre(0), ElementsAre(1, 2, 4), ElementsAre(3)));
}

TEST(ModelGraphTest, WhatLearnsFromNothingRealIsUngrounded) {
  const auto graph = Graph({{"a", {{"b", 1}}},
                            {"b", {{"a", 1}}},
                            {"c", {{"b", 1}}},
                            {"d", {{"e", 1}}},
                            {"e", {{"d", 1}}, true},
                            {"f", {}}});
  EXPECT_THAT(graph.Ungrounded(), ElementsAre(1, 2, 3, 6));
  EXPECT_THAT(graph.CycleThrough(1), ElementsAre(2, 1));
  EXPECT_THAT(graph.CycleThrough(3), IsEmpty());
  EXPECT_THAT(graph.CycleThrough(4), ElementsAre(5, 4));
}

TEST(ModelGraphTest, IsDrawnFromRewardsOnwards) {
  const auto graph = Graph({{"tiny", {{"medium", 1}}},
                            {"medium", {{"teacher", 1}}},
                            {"second", {}, true},
                            {"both", {{"teacher", 7}, {"second", 3}}, true}});
  EXPECT_EQ(graph.Draw(),
            "teacher  <- rewards\n"
            "second   <- rewards\n"
            "  medium <- teacher\n"
            "  both   <- 0.7 teacher + 0.3 second + rewards\n"
            "    tiny <- medium\n");
}

TEST(ModelGraphTest, AMutualPairIsDrawnBesideItsRewards) {
  const auto graph = Graph({{"a", {{"b", 1}}, true}, {"b", {{"a", 1}}, true}});
  EXPECT_THAT(graph.Draw(), HasSubstr("  a     <- b + rewards\n  b     <- a + rewards\n"));
}

}  // namespace
}  // namespace stillhouse
