#include "common/model/decision_tree.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

/// Thresholds that are tried for a feature: quantiles of its values, which a tree of a few levels
/// loses nothing by.
constexpr std::size_t kMostThresholds = 64;
/// A split that lessens the impurity by less than this share of the whole weight is none.
constexpr double kLeastGain = 1e-6;

struct Split {
  std::size_t feature = 0;
  float threshold = 0;
  double gain = 0;
};

/// Weight times Gini impurity.
double Impurity(std::span<const double> weight_of_action, double total) {
  if (total <= 0) return 0;
  double squares = 0;
  for (const double weight : weight_of_action) squares += weight * weight;
  return total - squares / total;
}

}  // namespace

class DecisionTree::Grower {
 public:
  Grower(const TreeExamples& examples, const TreeSettings& settings)
      : examples_(examples), settings_(settings) {
    actions_ = 1 + static_cast<std::size_t>(
                       *std::max_element(examples.actions.begin(), examples.actions.end()));
    total_ = std::accumulate(examples.weights.begin(), examples.weights.end(), 0.0);
  }

  std::vector<Node> Grow() {
    std::vector<std::size_t> rows(examples_.Size());
    std::iota(rows.begin(), rows.end(), std::size_t{0});
    Add(rows, 0);
    return std::move(nodes_);
  }

 private:
  float At(std::size_t row, std::size_t feature) const {
    return examples_.observations[row * examples_.features + feature];
  }

  /// The subtree of `rows` (reordered); where its root stands.
  std::size_t Add(std::span<std::size_t> rows, std::size_t depth) {
    const std::size_t place = nodes_.size();
    nodes_.push_back(Leaf(rows));
    if (depth == settings_.depth) return place;
    const auto split = BestSplit(rows);
    if (!split) return place;
    const auto middle = std::stable_partition(rows.begin(), rows.end(), [&](std::size_t row) {
      return At(row, split->feature) <= split->threshold;
    });
    const auto cut = static_cast<std::size_t>(middle - rows.begin());
    const std::size_t left = Add(rows.first(cut), depth + 1);
    const std::size_t right = Add(rows.subspan(cut), depth + 1);
    const Node& l = nodes_[left];
    const Node& r = nodes_[right];
    // Two leaves that say the same are one.
    if (l.left == 0 && r.left == 0 && l.action == r.action) {
      nodes_.resize(place + 1);
      return place;
    }
    Node& node = nodes_[place];
    node.feature = split->feature;
    node.threshold = split->threshold;
    node.left = left;
    node.right = right;
    return place;
  }

  Node Leaf(std::span<const std::size_t> rows) const {
    const auto weights = WeightsOf(rows);
    const auto best = std::max_element(weights.begin(), weights.end());
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    Node leaf;
    leaf.action = static_cast<std::int32_t>(best - weights.begin());
    leaf.examples = rows.size();
    leaf.purity = total > 0 ? *best / total : 0;
    return leaf;
  }

  std::vector<double> WeightsOf(std::span<const std::size_t> rows) const {
    std::vector<double> weights(actions_);
    for (const auto row : rows) {
      weights[static_cast<std::size_t>(examples_.actions[row])] += examples_.weights[row];
    }
    return weights;
  }

  std::optional<Split> BestSplit(std::span<const std::size_t> rows) const {
    if (rows.size() < 2 * settings_.least_leaf) return std::nullopt;
    const auto weights = WeightsOf(rows);
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    const double whole = Impurity(weights, total);
    Split best{0, 0, kLeastGain * total_};
    bool found = false;
    for (std::size_t feature = 0; feature < examples_.features; ++feature) {
      const Split split = BestOf(feature, rows, weights, whole);
      if (split.gain <= best.gain) continue;
      best = split;
      found = true;
    }
    return found ? std::optional(best) : std::nullopt;
  }

  /// Half-way between neighbouring values, at most kMostThresholds of them, ascending.
  std::vector<float> Thresholds(std::size_t feature, std::span<const std::size_t> rows) const {
    std::vector<float> values;
    values.reserve(rows.size());
    for (const auto row : rows) values.push_back(At(row, feature));
    std::sort(values.begin(), values.end());
    std::vector<float> thresholds;
    const std::size_t step = std::max<std::size_t>(1, values.size() / kMostThresholds);
    std::size_t i = 1;
    while (i < values.size()) {
      if (values[i - 1] == values[i]) {  // the next place where the value changes
        const auto next = std::upper_bound(values.begin() + static_cast<std::ptrdiff_t>(i),
                                           values.end(), values[i]);
        i = static_cast<std::size_t>(next - values.begin());
        if (i == values.size()) break;
      }
      const float middle = values[i - 1] + (values[i] - values[i - 1]) / 2;
      // Rounding may give the upper value, which is to go right.
      thresholds.push_back(middle < values[i] ? middle : values[i - 1]);
      i += step;
    }
    return thresholds;
  }

  Split BestOf(std::size_t feature, std::span<const std::size_t> rows,
               const std::vector<double>& weights, double whole) const {
    const auto thresholds = Thresholds(feature, rows);
    Split best{feature, 0, 0};
    if (thresholds.empty()) return best;
    // [bin, action]: rows whose value is above thresholds[bin - 1] and not above thresholds[bin].
    std::vector<double> sums((thresholds.size() + 1) * actions_);
    std::vector<std::size_t> counts(thresholds.size() + 1);
    for (const auto row : rows) {
      const auto bin = static_cast<std::size_t>(
          std::lower_bound(thresholds.begin(), thresholds.end(), At(row, feature)) -
          thresholds.begin());
      sums[bin * actions_ + static_cast<std::size_t>(examples_.actions[row])] +=
          examples_.weights[row];
      ++counts[bin];
    }
    std::vector<double> left(actions_);
    std::vector<double> right = weights;
    std::size_t count = 0;
    for (std::size_t bin = 0; bin < thresholds.size(); ++bin) {
      count += counts[bin];
      double on_left = 0;
      double on_right = 0;
      for (std::size_t action = 0; action < actions_; ++action) {
        left[action] += sums[bin * actions_ + action];
        right[action] = std::max(0.0, right[action] - sums[bin * actions_ + action]);
        on_left += left[action];
        on_right += right[action];
      }
      if (count < settings_.least_leaf || rows.size() - count < settings_.least_leaf) continue;
      const double gain = whole - Impurity(left, on_left) - Impurity(right, on_right);
      if (gain > best.gain) best = {feature, thresholds[bin], gain};
    }
    return best;
  }

  const TreeExamples& examples_;
  const TreeSettings& settings_;
  std::size_t actions_ = 0;
  double total_ = 0;
  std::vector<Node> nodes_;
};

DecisionTree DecisionTree::Grow(const TreeExamples& examples, const TreeSettings& settings) {
  const std::size_t n = examples.Size();
  if (n == 0 || examples.features == 0 || examples.weights.size() != n ||
      examples.observations.size() != n * examples.features) {
    throw ShapeError(fmt::format("a tree of {} actions, {} weights and {} observations of {}", n,
                                 examples.weights.size(), examples.observations.size(),
                                 examples.features));
  }
  DecisionTree tree;
  tree.nodes_ = Grower(examples, settings).Grow();
  return tree;
}

std::int32_t DecisionTree::Action(std::span<const float> observation) const {
  std::size_t at = 0;
  while (nodes_[at].left != 0) {
    const Node& node = nodes_[at];
    at = observation[node.feature] <= node.threshold ? node.left : node.right;
  }
  return nodes_[at].action;
}

std::size_t DecisionTree::Leaves() const {
  return static_cast<std::size_t>(
      std::count_if(nodes_.begin(), nodes_.end(), [](const Node& node) { return node.left == 0; }));
}

std::size_t DecisionTree::Depth() const {
  std::vector<std::size_t> depths(nodes_.size());
  std::size_t deepest = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {  // children come after their parents
    deepest = std::max(deepest, depths[i]);
    if (nodes_[i].left == 0) continue;
    depths[nodes_[i].left] = depths[nodes_[i].right] = depths[i] + 1;
  }
  return deepest;
}

std::vector<std::string> DecisionTree::Rules(
    const std::function<std::string(std::size_t)>& feature,
    const std::function<std::string(std::int32_t)>& action) const {
  std::vector<std::string> lines;
  const auto print = [&](const auto& self, std::size_t at, std::size_t depth) -> void {
    const Node& node = nodes_[at];
    const std::string indent(2 * depth, ' ');
    if (node.left == 0) {
      lines.push_back(fmt::format("{}{}  ({} states, {:.0f} % of their weight)", indent,
                                  action(node.action), node.examples, 100 * node.purity));
      return;
    }
    lines.push_back(
        fmt::format("{}if {} <= {:.4g}:", indent, feature(node.feature), node.threshold));
    self(self, node.left, depth + 1);
    lines.push_back(indent + "else:");
    self(self, node.right, depth + 1);
  };
  print(print, 0, 0);
  return lines;
}

}  // namespace stillhouse
