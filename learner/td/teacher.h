#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/model/native_network.h"
#include "learner/nn/trained_model.h"
#include "learner/protocol/compute.h"
#include "learner/td/td_losses.h"

namespace stillhouse::learner {

/// What students get of the teacher's inside.
struct TeacherGives {
  std::vector<std::size_t> layers{};  ///< of these what they hand on: the model must keep it
  std::size_t parameters = 0;         ///< so many of the first parameters
};

/// DQN or supervised learning on a TrainedModel.
///
/// DQN: n-step, double, prioritised (Mnih et al. 2015; van Hasselt et al. 2016;
/// Schaul et al. 2016). One forward pass of the online network over s and s' together chooses the
/// next actions, gives the loss and labels both for the students.
///
/// Supervised: cross-entropy of softmax(Q) with the batch's actions, which are a data set's labels;
/// the priority of a row is the probability that the label misses.
///
/// Keeps a Polyak average of the parameters that spans `settings.average` updates: an exponential
/// average with a decay of 1 - 1/average an update, moved every few updates by the matching step
/// and corrected for its start as Adam's moments are.
class Teacher final : public TeacherCompute {
 public:
  /// `others`: labels by its average and target network that students ask for; kCurrent is always
  /// made, kBest once KeepBest has been called.
  Teacher(const TeacherSettings& settings, std::unique_ptr<TrainedModel> model,
          LabelRows label_rows, bool want_labels, std::vector<LabelChoice> others = {},
          TeacherGives gives = {});

  TeacherStep Update(const replay::Batch& batch) override;
  TeacherStep Gradient(const replay::Batch& batch) override;
  double StepAlong(std::span<const float> gradient) override;
  TeacherStep Label(const replay::Batch& batch) override;
  std::vector<float> Parameters() const override { return model_->Parameters(); }
  void KeepBest(std::vector<float> parameters, std::uint64_t updates) override;
  void Freeze(FinalTeacher final) override;
  TeacherState Save() const override;
  void Load(const TeacherState& state) override;

 private:
  /// What a batch says, before anything is learnt from it.
  struct BatchLoss {
    TeacherStep step;
    std::vector<float> q_gradient;  ///< of the mean loss by the first rows of the last Forward
  };
  BatchLoss LossOf(const replay::Batch& batch);
  BatchLoss RewardsLoss(const replay::Batch& batch);
  BatchLoss LabelsLoss(const replay::Batch& batch);
  /// The first `labelled` values of q [rows, A] are what students get.
  BatchLoss Describe(const replay::Batch& batch, std::span<const float> q, std::size_t labelled,
                     TdLoss<float> loss) const;
  void AfterStep();
  void CheckBatch(const replay::Batch& batch) const;
  void MoveAverage();
  bool Makes(LabelChoice choice) const;
  /// The average, corrected for its start; the present parameters before it has moved.
  std::vector<float> CorrectedAverage() const;
  /// Labels of `batch` by parameters beside the model's own, which `network` holds.
  std::vector<float> LabelsBy(NativeNetwork& network, const replay::Batch& batch) const;
  OtherLabels AverageLabels(const replay::Batch& batch);
  OtherLabels LaggedLabels(const replay::Batch& batch);
  std::vector<OtherLabels> MakeOthers(const replay::Batch& batch);
  /// Adds features of the first `rows` rows of the last Forward and the shared parameters.
  void GiveMore(std::size_t rows, LabelExtras& extras) const;

  const TeacherSettings settings_;
  const std::unique_ptr<TrainedModel> model_;
  const LabelRows label_rows_;
  const bool want_labels_;
  const std::vector<LabelChoice> others_;
  const TeacherGives gives_;
  const TappedModel* const tapped_;   ///< model_, when it must give features
  const std::int64_t average_every_;  ///< updates between moves of the average
  std::int64_t updates_ = 0;
  double average_missing_ = 1;            ///< share of the average that is still its start at 0
  std::optional<NativeNetwork> average_;  ///< holds the average when it labels
  bool average_stale_ = true;             ///< it has moved since
  std::optional<NativeNetwork> best_;     ///< holds the best parameters when they label
  std::vector<float> best_parameters_;    ///< empty: none yet
  std::uint64_t best_updates_ = 0;
};

}  // namespace stillhouse::learner
