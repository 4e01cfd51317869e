#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "actors/env/environment.h"
#include "common/config/run_config.h"
#include "common/messages/evaluation.h"
#include "common/model/network_spec.h"

namespace stillhouse::cli {

/// A model that plays, and how the loss that it learnt by tempers (for the KL).
struct PlayingModel {
  NetworkSpec network;
  std::vector<float> parameters;
  DistillLossSettings loss{};
};

struct PlaySettings {
  std::function<std::unique_ptr<actors::Environment>()> make_environment;
  std::vector<std::uint64_t> seeds;
  double epsilon = 0;
  std::uint32_t max_steps = 10000;
  std::size_t threads = 1;
};

/// What one model has played.
struct PlayedSeeds {
  std::vector<EvaluationEpisode> episodes;  ///< [seeds], in their order
  /// Against model 0 on the states visited: of model 0, every other model; of another, itself.
  std::vector<Comparison> comparisons;
};

/// Every seed to its end by every model, in `threads` threads; the result does not depend on how
/// many. models may be empty.
std::vector<PlayedSeeds> PlayAll(const std::vector<PlayingModel>& models,
                                 const PlaySettings& settings);

/// Uniform random actions.
std::vector<EvaluationEpisode> PlayRandom(const PlaySettings& settings);

}  // namespace stillhouse::cli
