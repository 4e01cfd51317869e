#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace stillhouse {

/// What a tree is grown from: observations and the action that is right in each.
struct TreeExamples {
  std::size_t features = 0;
  std::vector<float> observations;    ///< [n, features], finite
  std::vector<std::int32_t> actions;  ///< [n], >= 0
  std::vector<double> weights;        ///< [n], >= 0: what a mistake there costs
  std::size_t Size() const { return actions.size(); }
};

struct TreeSettings {
  std::size_t depth = 4;        ///< questions to a decision, at most
  std::size_t least_leaf = 10;  ///< examples that a leaf is made of, at least
};

/// A decision tree over observations, small enough to be read: a student that explains itself.
/// Grown greedily, each question the one that lessens the weighted Gini impurity most (CART,
/// Breiman et al. 1984); of equal ones the first feature and the lowest threshold, so that the same
/// examples give the same tree.
class DecisionTree {
 public:
  /// Throws ShapeError for examples whose parts do not fit, or none.
  static DecisionTree Grow(const TreeExamples& examples, const TreeSettings& settings);

  /// observation [features]
  std::int32_t Action(std::span<const float> observation) const;

  std::size_t Leaves() const;
  std::size_t Depth() const;
  /// One line a question or leaf, indented by depth: `feature` and `action` name numbers.
  std::vector<std::string> Rules(const std::function<std::string(std::size_t)>& feature,
                                 const std::function<std::string(std::int32_t)>& action) const;

 private:
  struct Node {
    std::size_t feature = 0;
    float threshold = 0;   ///< left: observation[feature] <= threshold
    std::size_t left = 0;  ///< 0: a leaf
    std::size_t right = 0;
    std::int32_t action = 0;
    std::size_t examples = 0;
    double purity = 0;  ///< share of the weight that `action` has
  };
  class Grower;

  std::vector<Node> nodes_;  ///< [0] is the root
};

}  // namespace stillhouse
