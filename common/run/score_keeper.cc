#include "common/run/score_keeper.h"

#include <algorithm>

#include "common/base/error.h"

namespace stillhouse {

ScoreKeeper::ScoreKeeper(std::vector<ModelFacts> models, std::uint64_t seed)
    : models_(std::move(models)), seed_(seed), retention_current_(models_.size(), 0) {
  SH_CHECK(!models_.empty());
  for (const auto& facts : models_) {
    ModelScore score;
    score.name = facts.name;
    score.kind = facts.kind;
    score.parameters = facts.parameters;
    score.bytes = facts.parameters * 4;
    score.macs = facts.macs;
    score.latency_us = facts.latency_us;
    board_.models.push_back(std::move(score));
  }
}

void ScoreKeeper::Fill(ModelScore& score, const ModelEvaluation& evaluation) const {
  // Every (round, model) resamples with the same stream: equal returns give equal intervals.
  Rng rng = MakeRng(seed_, RngPurpose::kBootstrap);
  score.returns = SummariseReturns(evaluation.returns, rng);
  score.updates = evaluation.model.updates;
  score.version = evaluation.model.version;
  const Comparison& c = evaluation.on_reference_states;
  const double states = std::max(1.0, static_cast<double>(c.states));
  if (c.states > 0) {
    score.agreement = static_cast<double>(c.agreeing) / states;
    score.regret = c.regret / states;
    score.kl = c.kl / states;
  }
}

void ScoreKeeper::OnRound(const RoundResult& result) {
  if (result.kind == RoundKind::kRandom) {
    board_.random_return = Mean(result.models.front().returns);
    has_random_ = true;
    return;
  }
  for (const auto& evaluation : result.models) {
    SH_CHECK(evaluation.model.model < board_.models.size());
    Fill(board_.models[evaluation.model.model], evaluation);
  }
  board_.models.front().agreement = 1;  // with itself
  const ReturnStatistics teacher = board_.models.front().returns;
  teacher_return_ = teacher.mean;
  board_.updates = board_.models.front().updates;
  if (result.kind != RoundKind::kFinal) live_teacher_ = teacher;
  FillRetention(board_, teacher, live_teacher_.value_or(teacher));
  for (std::size_t i = 0; i < board_.models.size(); ++i) {
    if (result.kind != RoundKind::kFinal) {
      retention_current_[i] = board_.models[i].retention_current;
    } else if (live_teacher_) {
      board_.models[i].retention_current = retention_current_[i];
    }
  }
}

}  // namespace stillhouse
