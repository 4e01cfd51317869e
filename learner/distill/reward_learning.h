#pragma once

#include <span>
#include <vector>

#include "common/config/run_config.h"
#include "common/messages/labels.h"
#include "learner/nn/trained_model.h"

namespace stillhouse::learner {

/// What multiplies the labels' loss in the student's update number `updates` (from 0).
/// `retention`: the student's return above random's as a share of the teacher's, nullptr when
/// unknown; kReturnGap gives max(0, 1 - retention), at most 1, and 1 while it is unknown
/// (kick-starting, Schmitt et al. 2018).
double LambdaNow(const LambdaSettings& lambda, std::uint64_t updates, const float* retention);

/// The student's target network on the next states of the batch: [batch, A]. Before the Forward
/// that a Step is to follow. `row_bytes`: packed bytes of an observation.
std::vector<float> TargetOfNext(TrainedModel& model, const LabelledBatch& batch,
                                std::size_t row_bytes);

struct RewardLoss {
  double loss = 0;
  std::vector<float> gradient;  ///< [batch, A]
};
/// The student's TD loss on the batch, with the gradient by its Q-values of the first `batch` rows;
/// both times settings.weight. `q`: its Forward over s, and over s' below when double. `weights`
/// [batch]: the batch's importance weights, as the teacher's TD step uses them, 0 for a row that it
/// is not to learn from. `legal`: flags [batch, A] of the next states, or
/// empty.
RewardLoss ComputeRewardLoss(const RewardSettings& settings, const LabelledBatch& batch,
                             std::span<const float> weights, std::span<const float> q,
                             std::span<const float> q_target_next,
                             std::span<const std::uint8_t> legal = {});

}  // namespace stillhouse::learner
