#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/byte_io.h"
#include "common/run/contributions.h"
#include "common/run/evaluation_scheduler.h"
#include "common/run/scoreboard.h"

namespace stillhouse {

/// What is known of a model before the run.
struct ModelFacts {
  std::string name;
  ModelScore::Kind kind = ModelScore::Kind::kStudent;
  std::int64_t parameters = 0;
  std::int64_t macs = 0;
  double latency_us = 0;
};

/// Turns finished evaluation rounds into the scoreboard. Retention is against the teacher of the
/// newest round until the final round, which plays the frozen teacher; `retention_current` is
/// against the live teacher and stands as of the freeze round afterwards.
class ScoreKeeper {
 public:
  /// models[0] is the teacher; the index is the model's number in messages.
  /// `ablations`: of the students, models[1] and on.
  ScoreKeeper(std::vector<ModelFacts> models, std::uint64_t seed,
              std::vector<Ablation> ablations = {});

  /// Sets everything but time, phase and frames.
  void OnRound(const RoundResult& result);

  /// What the scores of a resumed run depend on: the random return, the live teacher's return,
  /// retention_current by the models' names.
  void Save(ByteWriter& out) const;
  /// Models that were not there then keep their zeros. Throws WireError.
  void Load(ByteReader& in);

  const Scoreboard& Board() const { return board_; }
  Scoreboard& Board() { return board_; }
  bool HasRandom() const { return has_random_; }
  /// Mean return of the teacher in the newest round.
  std::optional<double> TeacherReturn() const { return teacher_return_; }
  /// [models] retention_current of the newest round with a live teacher, also of an earlier
  /// attempt; empty before the first.
  std::vector<float> Retention() const {
    if (!live_teacher_) return {};
    return {retention_current_.begin(), retention_current_.end()};
  }
  /// The round of this attempt in which the live teacher was better than in all before, earlier
  /// attempts included; 0: none.
  std::uint32_t BestRound() const { return best_round_; }
  /// The live teacher as the freeze round saw it, beside the frozen one of the final round.
  std::optional<ReturnStatistics> LiveTeacher() const { return live_teacher_; }

 private:
  void Fill(ModelScore& score, const ModelEvaluation& evaluation) const;
  /// What each source contributes, of the models that the round has played.
  void FillContributions(const RoundResult& result);

  std::vector<ModelFacts> models_;
  std::uint64_t seed_;
  std::vector<Ablation> ablations_;
  Scoreboard board_;
  bool has_random_ = false;
  std::optional<double> teacher_return_;
  std::optional<ReturnStatistics> live_teacher_;
  std::optional<double> best_return_;  ///< of the live teacher
  std::uint32_t best_round_ = 0;
  std::vector<double> retention_current_;  ///< [models] of the newest round with a live teacher
};

}  // namespace stillhouse
