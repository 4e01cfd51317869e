#include "common/run/score_keeper.h"

#include <algorithm>

#include "common/base/error.h"

namespace stillhouse {

ScoreKeeper::ScoreKeeper(std::vector<ModelFacts> models, std::uint64_t seed,
                         std::vector<Ablation> ablations)
    : models_(std::move(models)),
      seed_(seed),
      ablations_(std::move(ablations)),
      retention_current_(models_.size(), 0) {
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
  if (evaluation.on_reference_states.states > 0) {
    score.on_teacher_states = FidelityOf(evaluation.on_reference_states);
  }
  if (evaluation.on_own_states.states > 0) {
    score.on_own_states = FidelityOf(evaluation.on_own_states);
  }
}

void ScoreKeeper::FillContributions(const RoundResult& result) {
  const auto of = [&](std::size_t student) {
    return std::find_if(result.models.begin(), result.models.end(), [&](const auto& evaluation) {
      return evaluation.model.model == student + 1;
    });
  };
  for (auto& score : board_.models) score.contributions.clear();
  for (const Ablation& ablation : ablations_) {
    const auto with = of(ablation.student), without = of(ablation.without);
    if (with == result.models.end() || without == result.models.end()) continue;
    Rng rng = MakeRng(seed_, RngPurpose::kBootstrap, 2);
    board_.models.at(ablation.student + 1)
        .contributions.push_back({ablation.source, models_.at(ablation.without + 1).name,
                                  ComparePaired(with->returns, without->returns, rng)});
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
    ModelScore& score = board_.models[evaluation.model.model];
    Fill(score, evaluation);
    const std::vector<double>& teachers = result.models.front().returns;
    Rng rng = MakeRng(seed_, RngPurpose::kBootstrap, 1);
    score.against_teacher = ComparePaired(evaluation.returns, teachers, rng);
  }
  FillContributions(result);
  for (Fidelity* own :
       {&board_.models.front().on_teacher_states, &board_.models.front().on_own_states}) {
    own->agreement = own->gap_agreement = 1;  // with itself
  }
  board_.models.front().replay_agreement = 1;
  const ReturnStatistics teacher = board_.models.front().returns;
  teacher_return_ = teacher.mean;
  board_.updates = board_.models.front().updates;
  if (result.kind != RoundKind::kFinal) {
    live_teacher_ = teacher;
    if (!best_return_ || teacher.mean > *best_return_) {
      best_return_ = teacher.mean;
      best_round_ = result.round;
    }
  }
  FillRetention(board_, teacher, live_teacher_.value_or(teacher));
  for (std::size_t i = 0; i < board_.models.size(); ++i) {
    if (result.kind != RoundKind::kFinal) {
      retention_current_[i] = board_.models[i].retention_current;
    } else if (live_teacher_) {
      board_.models[i].retention_current = retention_current_[i];
    }
  }
}

namespace {

void PutStatistics(ByteWriter& out, const std::optional<ReturnStatistics>& statistics) {
  out.Put(static_cast<std::uint8_t>(statistics ? 1 : 0));
  if (!statistics) return;
  out.Put(statistics->episodes);
  for (const double value :
       {statistics->mean, statistics->iqm, statistics->ci95.low, statistics->ci95.high}) {
    out.Put(value);
  }
}

std::optional<ReturnStatistics> GetStatistics(ByteReader& in) {
  if (!in.GetBool()) return std::nullopt;
  ReturnStatistics statistics;
  statistics.episodes = in.Get<std::uint64_t>();
  for (auto* value :
       {&statistics.mean, &statistics.iqm, &statistics.ci95.low, &statistics.ci95.high}) {
    *value = in.Get<double>();
  }
  return statistics;
}

}  // namespace

// has_random u8, random_return f64, live teacher's statistics (u8, then episodes u64 and four f64),
// count u16, then each model's name and retention_current f64, then the live teacher's best return
// (u8, f64 when it is 1; not in the coordinator's part before format 3).
void ScoreKeeper::Save(ByteWriter& out) const {
  out.Put(static_cast<std::uint8_t>(has_random_ ? 1 : 0));
  out.Put(board_.random_return);
  PutStatistics(out, live_teacher_);
  out.Put(static_cast<std::uint16_t>(models_.size()));
  for (std::size_t i = 0; i < models_.size(); ++i) {
    out.PutString(models_[i].name);
    out.Put(retention_current_[i]);
  }
  out.Put(static_cast<std::uint8_t>(best_return_ ? 1 : 0));
  if (best_return_) out.Put(*best_return_);
}

void ScoreKeeper::Load(ByteReader& in) {
  has_random_ = in.GetBool();
  board_.random_return = in.Get<double>();
  live_teacher_ = GetStatistics(in);
  for (auto left = in.Get<std::uint16_t>(); left > 0; --left) {
    const std::string name = in.GetString();
    const auto retention = in.Get<double>();
    for (std::size_t i = 0; i < models_.size(); ++i) {
      if (models_[i].name == name) retention_current_[i] = retention;
    }
  }
  best_return_.reset();
  if (in.Left() > 0 && in.GetBool()) best_return_ = in.Get<double>();
}

}  // namespace stillhouse
