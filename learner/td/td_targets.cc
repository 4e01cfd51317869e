#include "learner/td/td_targets.h"

#include "common/base/action_mask.h"
#include "common/base/error.h"

namespace stillhouse::learner {
namespace {

template <typename T>
std::vector<T> Targets(const TdRows<T>& rows, std::span<const T> chooser) {
  const std::size_t batch = rows.rewards.size();
  const std::size_t actions = rows.num_actions;
  const std::size_t values = batch * actions;
  if (actions == 0 || rows.discounts.size() != batch || rows.q_target_next.size() != values ||
      chooser.size() != values || (!rows.legal.empty() && rows.legal.size() != values)) {
    throw ShapeError(fmt::format(
        "TD target: {} rewards, {} discounts, {} target and {} online values, {} legal flags for "
        "{} actions",
        batch, rows.discounts.size(), rows.q_target_next.size(), chooser.size(), rows.legal.size(),
        actions));
  }
  std::vector<T> targets(rows.rewards.begin(), rows.rewards.end());
  for (std::size_t b = 0; b < batch; ++b) {
    if (rows.discounts[b] == T{0}) continue;
    const auto legal = rows.legal.empty() ? rows.legal : rows.legal.subspan(b * actions, actions);
    const std::size_t best = GreedyAction(chooser.subspan(b * actions, actions), legal);
    if (best == actions) throw ShapeError(fmt::format("TD target: row {} has no legal action", b));
    targets[b] += rows.discounts[b] * rows.q_target_next[b * actions + best];
  }
  return targets;
}

}  // namespace

template <typename T>
std::vector<T> OneStepTargets(const TdRows<T>& rows) {
  return Targets(rows, rows.q_target_next);
}

template <typename T>
std::vector<T> DoubleTargets(const TdRows<T>& rows) {
  return Targets(rows, rows.q_online_next);
}

template std::vector<float> OneStepTargets(const TdRows<float>&);
template std::vector<double> OneStepTargets(const TdRows<double>&);
template std::vector<float> DoubleTargets(const TdRows<float>&);
template std::vector<double> DoubleTargets(const TdRows<double>&);

}  // namespace stillhouse::learner
