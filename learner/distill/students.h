#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "learner/distill/adversary.h"
#include "learner/distill/bias_correction.h"
#include "learner/distill/feature_learner.h"
#include "learner/distill/label_link.h"
#include "learner/distill/layer_measure.h"
#include "learner/distill/reward_learning.h"
#include "learner/nn/trained_model.h"
#include "learner/protocol/compute.h"

namespace stillhouse::learner {

/// A student of this host: what it is trained to match, and the model that learns it.
struct HostedStudent {
  StudentSettings settings;
  std::unique_ptr<TrainedModel> model;
  std::uint64_t updates = 0;  ///< that it has had, in earlier attempts too: schedules go by them
  std::optional<BiasCorrection> correction = std::nullopt;  ///< made by Students
  std::vector<LabelLink> links = {LabelLink{}};             ///< empty: it learns from rewards alone
  /// Its loss between features; `model` is then a TappedModel that keeps the student's layer.
  std::optional<FeatureLearner> features = std::nullopt;
  std::optional<Adversary> adversary = std::nullopt;
  /// So many of its first parameters come with every batch and are not learnt; > 0: `model` is a
  /// TappedModel.
  std::size_t shared_parameters = 0;
  /// Context whose rewards alone it learns from; none: those of every row.
  std::optional<std::uint8_t> rewards_where = std::nullopt;
};

/// Share of rows in which the greedy actions of `student` and `teacher` [rows, A] are the same,
/// equivalent actions counted as equal (`canonical` [A], see EnvironmentSpec). `legal`: flags
/// [rows, A] or empty.
double Agreement(std::span<const float> student, std::span<const float> teacher,
                 std::span<const std::int32_t> canonical, std::span<const std::uint8_t> legal = {});

/// Trains every student of a host on the same received rows. Students that label for others are
/// asked before anyone's step, so that what each learns from does not depend on their order: chains
/// and mutual pairs see each other as they were when the batch came.
class Students final : public StudentCompute {
 public:
  /// `canonical`: EnvironmentSpec::canonical_action. `teacher`: this host's copy, where a student
  /// needs one.
  Students(std::vector<HostedStudent> students, std::vector<std::int32_t> canonical,
           std::unique_ptr<TrainedModel> teacher = nullptr);

  using StudentCompute::Update;
  /// A student with `rows: s` uses the first `batch` rows, others all. Throws NumericError when a
  /// student's loss stops being finite, ShapeError when the batch does not fit.
  std::vector<StudentStep> Update(const LabelledBatch& batch, const StudentTurn& turn) override;
  void UseTeacher(std::span<const float> parameters) override;
  std::vector<float> Parameters(std::size_t student) const override;
  StudentMemory Save(std::size_t student) const override;
  void Load(std::size_t student, const StudentMemory& memory) override;

 private:
  /// A student and what is kept of it from one batch to the next, or within one.
  struct Member {
    HostedStudent student;
    bool labels_others = false;
    TappedModel* tapped = nullptr;       ///< student.model, when it is one
    std::vector<float> q_target_next{};  ///< of this batch, when it learns from rewards
    std::vector<float> outputs{};        ///< of this batch [rows, A], when it labels for others
    std::vector<std::uint8_t> legal{};   ///< of this batch [rows, A], empty without a mask
    RowParts parts{};                    ///< of this batch: who labels which row
  };

  /// What StudentTurn says to one student.
  struct Moment {
    const float* retention = nullptr;  ///< null: not known
    bool measure = false;
  };
  /// Of every part of the loss at the last Forward, each with its weight: `own` are the outputs
  /// that learn from labels, `rewards` the TD part's gradient, or empty.
  std::vector<PartGradient> PartsOf(Member& member, const LabelledBatch& batch,
                                    std::span<const float> own, std::span<const float> labels,
                                    double lambda, std::span<const float> rewards) const;
  /// The labels of that source.
  std::span<const float> SourceOf(const Member& member, const LabelLink& link,
                                  const LabelledBatch& batch) const;

  /// The batch with labels by this host's copy of the teacher, and no others.
  LabelledBatch Relabelled(const LabelledBatch& batch);
  void CheckBatch(const LabelledBatch& batch) const;
  /// Of those examples whose class it may see.
  StudentStep UpdateWithoutClass(Member& member, const LabelledBatch& batch, const Moment& moment);
  /// Whose round it is: of the students that take turns the one with the fewest rounds behind it,
  /// the first of equals. Nothing but the update counts says so, so that a resumed run goes on.
  bool WaitsForItsRound(const Member& member) const;
  void CheckFeatures(const LabelledBatch& batch) const;
  void CheckRewards(const LabelledBatch& batch) const;
  /// Rows of its next Forward.
  std::size_t ForwardRows(const Member& member, const LabelledBatch& batch) const;
  std::span<const float> Forward(Member& member, const LabelledBatch& batch) const;
  StudentStep UpdateOne(Member& member, const LabelledBatch& batch, const Moment& moment);
  /// What it is to match on the first `rows` rows; `mixed` holds it when it is made here.
  std::span<const float> LabelsOf(const Member& member, const LabelledBatch& batch,
                                  std::size_t rows, std::vector<float>& mixed) const;
  /// Its TD loss, with the gradient by its Q-values, in the rows that it learns from.
  RewardLoss RewardPart(const Member& member, const LabelledBatch& batch,
                        std::span<const float> q) const;
  /// Adds the labels' part by `settings`, every row as much as `parts` says (empty: wholly);
  /// returns its loss times lambda.
  double AddLabelLoss(const Member& member, const DistillLossSettings& settings,
                      const LabelledBatch& batch, std::span<const float> q,
                      std::span<const float> labels, double lambda, std::span<const float> parts,
                      std::vector<float>& gradient) const;
  /// Of the rows that somebody labels.
  double AgreementOf(const Member& member, std::span<const float> own,
                     std::span<const float> labels) const;

  /// The flags of the first `values` / A rows of this batch; empty without a mask.
  static std::span<const std::uint8_t> LegalRows(const Member& member, std::size_t values) {
    const std::span<const std::uint8_t> legal = member.legal;
    return legal.first(std::min(legal.size(), values));
  }

  /// Adds what being told from `labels` costs; returns it times lambda.
  double AddAdversary(Member& member, std::span<const float> own, std::span<const float> labels,
                      double lambda, std::vector<float>& gradient);
  /// One step along `gradient` and, when it learns from features, along theirs, whose loss is
  /// added. Throws NumericError, with nothing changed, when the loss is not finite.
  void Step(Member& member, const LabelledBatch& batch, std::span<const float> gradient,
            StudentStep& step);

  std::vector<Member> members_;
  std::unique_ptr<TrainedModel> teacher_;  ///< null: no student needs it
  const std::vector<std::int32_t> canonical_;
};

}  // namespace stillhouse::learner
