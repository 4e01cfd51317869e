#include "common/model/decision_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/rng.h"

namespace stillhouse {
namespace {

using ::testing::ElementsAre;

std::string Feature(std::size_t feature) { return "x" + std::to_string(feature); }
std::string Action(std::int32_t action) { return "act " + std::to_string(action); }

/// Points of the unit square with what `right` says of them.
template <typename Right>
TreeExamples Square(std::size_t n, const Right& right) {
  TreeExamples examples{2, {}, {}, {}};
  Rng rng(3);
  for (std::size_t i = 0; i < n; ++i) {
    const auto x = static_cast<float>(rng.Uniform());
    const auto y = static_cast<float>(rng.Uniform());
    examples.observations.insert(examples.observations.end(), {x, y});
    examples.actions.push_back(right(x, y));
    examples.weights.push_back(1);
  }
  return examples;
}

double Agreement(const DecisionTree& tree, const TreeExamples& examples) {
  double agreeing = 0;
  for (std::size_t i = 0; i < examples.Size(); ++i) {
    const auto at = std::span(examples.observations).subspan(i * 2, 2);
    if (tree.Action(at) == examples.actions[i]) ++agreeing;
  }
  return agreeing / static_cast<double>(examples.Size());
}

TEST(DecisionTreeTest, OneQuestionIsFoundWhereItIs) {
  const TreeExamples examples{1, {1, 2, 3, 10, 11, 12}, {0, 0, 0, 1, 1, 1}, {1, 1, 1, 1, 1, 1}};
  const auto tree = DecisionTree::Grow(examples, {.depth = 3, .least_leaf = 1});
  EXPECT_EQ(tree.Leaves(), 2U);
  EXPECT_EQ(tree.Depth(), 1U);
  EXPECT_EQ(tree.Action(std::vector{6.5F}), 0) << "half-way belongs to the left";
  EXPECT_EQ(tree.Action(std::vector{6.6F}), 1);
  EXPECT_THAT(tree.Rules(Feature, Action),
              ElementsAre("if x0 <= 6.5:", "  act 0  (3 states, 100 % of their weight)",
                          "else:", "  act 1  (3 states, 100 % of their weight)"));
}

TEST(DecisionTreeTest, CornersNeedAsManyLevelsAsTheyHaveSides) {
  const auto examples = Square(2000, [](float x, float y) { return x > 0.3F && y > 0.6F ? 2 : 0; });
  const auto one = DecisionTree::Grow(examples, {.depth = 1});
  const auto two = DecisionTree::Grow(examples, {.depth = 2});
  EXPECT_LT(Agreement(one, examples), 0.95);
  EXPECT_GT(Agreement(two, examples), 0.98);
  EXPECT_EQ(two.Leaves(), 3U);
}

TEST(DecisionTreeTest, HeavierExamplesDecideALeaf) {
  const TreeExamples examples{1, {1, 1, 1}, {0, 0, 1}, {1, 1, 3}};
  const auto tree = DecisionTree::Grow(examples, {.depth = 4, .least_leaf = 1});
  EXPECT_EQ(tree.Leaves(), 1U) << "nothing tells them apart";
  EXPECT_EQ(tree.Action(std::vector{1.0F}), 1);
}

TEST(DecisionTreeTest, NoLeafIsOfFewerExamplesThanAllowedOrDeeperThanAllowed) {
  const auto examples = Square(1000, [](float x, float y) {
    return static_cast<std::int32_t>(8 * x) + static_cast<std::int32_t>(8 * y) % 2;
  });
  EXPECT_LE(DecisionTree::Grow(examples, {.depth = 3}).Depth(), 3U);
  EXPECT_LE(DecisionTree::Grow(examples, {.depth = 3}).Leaves(), 8U);
  EXPECT_EQ(DecisionTree::Grow(examples, {.depth = 9, .least_leaf = 501}).Leaves(), 1U);
  EXPECT_EQ(DecisionTree::Grow(examples, {.depth = 0}).Leaves(), 1U);
}

TEST(DecisionTreeTest, TheSameExamplesGiveTheSameTree) {
  const auto examples =
      Square(500, [](float x, float y) { return static_cast<std::int32_t>(x + y > 1); });
  EXPECT_EQ(DecisionTree::Grow(examples, {}).Rules(Feature, Action),
            DecisionTree::Grow(examples, {}).Rules(Feature, Action));
}

TEST(DecisionTreeTest, ExamplesThatDoNotFitAreRefused) {
  EXPECT_THROW(DecisionTree::Grow({2, {}, {}, {}}, {}), ShapeError);
  EXPECT_THROW(DecisionTree::Grow({2, {1, 2, 3}, {0, 1}, {1, 1}}, {}), ShapeError);
  EXPECT_THROW(DecisionTree::Grow({1, {1, 2}, {0, 1}, {1}}, {}), ShapeError);
}

}  // namespace
}  // namespace stillhouse
