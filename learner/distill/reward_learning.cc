#include "learner/distill/reward_learning.h"

#include <algorithm>

#include "learner/td/td_losses.h"
#include "learner/td/td_targets.h"

namespace stillhouse::learner {

double LambdaNow(const LambdaSettings& lambda, std::uint64_t updates, const float* retention) {
  if (lambda.kind == LambdaSettings::Kind::kReturnGap) {
    if (retention == nullptr) return 1;
    return std::clamp(1 - static_cast<double>(*retention), 0.0, 1.0);
  }
  if (lambda.updates == 0) return lambda.from;
  const double way =
      std::min(1.0, static_cast<double>(updates) / static_cast<double>(lambda.updates));
  return lambda.from + way * (lambda.to - lambda.from);
}

std::vector<float> TargetOfNext(TrainedModel& model, const LabelledBatch& batch,
                                std::size_t row_bytes) {
  const PackedRows next = PackedRows(batch.observations).subspan(batch.batch * row_bytes);
  const auto q = model.ForwardTarget({&next, 1});
  return {q.begin(), q.end()};
}

RewardLoss ComputeRewardLoss(const RewardSettings& settings, const LabelledBatch& batch,
                             std::span<const float> weights, std::span<const float> q,
                             std::span<const float> q_target_next,
                             std::span<const std::uint8_t> legal) {
  const std::size_t values = std::size_t{batch.batch} * batch.num_actions;
  const TdRows<float> td{batch.num_actions,
                         batch.rewards,
                         batch.discounts,
                         q_target_next,
                         settings.double_q ? q.subspan(values) : std::span<const float>{},
                         legal};
  const auto targets = settings.double_q ? DoubleTargets(td) : OneStepTargets(td);
  auto loss =
      ComputeTdLoss<float>(batch.num_actions, q.first(values), batch.actions, targets, weights,
                           settings.loss, static_cast<float>(settings.huber_delta));
  const auto weight = static_cast<float>(settings.weight);
  if (settings.weight != 1) {
    for (float& value : loss.q_gradient) value *= weight;
  }
  return {settings.weight * static_cast<double>(loss.loss), std::move(loss.q_gradient)};
}

}  // namespace stillhouse::learner
