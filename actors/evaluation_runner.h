#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "actors/env/environment.h"
#include "common/base/rng.h"
#include "common/messages/evaluation.h"
#include "common/model/native_network.h"

namespace stillhouse::actors {

/// One model at one version, ready to answer, and how its student distils (for the KL).
struct EvaluationModel {
  std::shared_ptr<NativeNetwork> network;
  double temperature = 1;    ///< > 0
  bool temper_both = false;  ///< false: the teacher alone is divided by tau
};

/// The networks that an EvaluationTask names.
struct EvaluationModels {
  std::optional<EvaluationModel> player;  ///< nullopt: uniform random actions
  std::optional<EvaluationModel> reference;
  std::vector<EvaluationModel> compare;  ///< [task.compare]
};

/// Plays one EvaluationTask: every seed to its end (or max_steps), several at a time.
///
/// An episode is a function of (seed, player, epsilon) alone: its environment is seeded with the
/// seed and its random actions come from a stream of the seed, so neither the other seeds nor
/// their order nor the number played at once can change it. Sums of the comparisons are added up
/// in the task's order of seeds for the same reason.
class EvaluationRunner {
 public:
  using MakeEnvironment = std::function<std::unique_ptr<Environment>()>;
  static constexpr std::size_t kMaxParallel = 32;

  EvaluationRunner(EvaluationTask task, EvaluationModels models, const MakeEnvironment& make,
                   std::size_t max_parallel = kMaxParallel);

  /// One step of every episode that runs. True while there is more to play.
  bool Step();

  /// After Step has returned false.
  EvaluationResult TakeResult();

  const EvaluationTask& Task() const { return task_; }

 private:
  struct Lane {
    std::unique_ptr<Environment> environment;
    std::size_t seed_place = 0;  ///< in task_.seeds
    Rng rng{0};
  };
  void Begin(Lane& lane);
  void Ask(const EvaluationModel& model, std::vector<float>& q);
  void Compare();
  /// Student i beside the reference in one row, over its legal actions.
  void CompareIn(std::size_t row, std::span<const float> teacher_q,
                 std::span<const float> student_q, std::size_t i);
  void Act(Lane& lane, std::size_t row);
  void DropFinished();

  EvaluationTask task_;
  EvaluationModels models_;
  TensorSpec observation_;
  std::size_t packed_bytes_ = 0;
  std::size_t actions_ = 0;
  std::vector<std::int32_t> canonical_;
  std::vector<Lane> lanes_;  ///< the running ones first
  std::size_t running_ = 0;  ///< lanes that play
  std::size_t next_seed_ = 0;
  std::vector<std::uint8_t> observations_;  ///< packed [lanes]
  std::vector<std::uint8_t> legal_;         ///< [running, A], empty without a mask
  std::vector<float> player_q_;             ///< [lanes, A]
  std::vector<float> reference_q_;
  std::vector<float> compare_q_;
  std::vector<bool> done_;                     ///< [lanes], this step
  std::vector<EvaluationEpisode> episodes_;    ///< [seeds]
  std::vector<double> returns_;                ///< [seeds]
  std::vector<std::vector<Comparison>> sums_;  ///< [seeds][compare]
};

/// Adds one visited state to `sum`: teacher_q and student_q are [A], canonical [A] as in
/// EnvironmentSpec, all of them of the legal actions alone. Pure; the formulas are in Comparison's
/// comments (evaluation.h). `model` says how the student tempers: its KL is KL(softmax(Q_t / tau)
/// || softmax(Q_s)), with both divided by tau when temper_both.
void AddComparison(std::span<const float> teacher_q, std::span<const float> student_q,
                   std::span<const std::int32_t> canonical, const EvaluationModel& model,
                   Comparison& sum);

}  // namespace stillhouse::actors
