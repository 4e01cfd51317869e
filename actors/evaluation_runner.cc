#include "actors/evaluation_runner.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/action_mask.h"
#include "common/base/error.h"

namespace stillhouse::actors {

namespace {

/// What the teacher would lose by the best action that is not its own nor one like it; 0 where
/// there is none.
double ActionGap(std::span<const float> q, std::span<const std::int32_t> canonical,
                 std::size_t best) {
  std::optional<float> second;
  for (std::size_t a = 0; a < q.size(); ++a) {
    if (canonical[a] != canonical[best]) second = std::max(second.value_or(q[a]), q[a]);
  }
  return second ? static_cast<double>(q[best]) - static_cast<double>(*second) : 0;
}

/// Mean over actions of the squared difference of the advantages, each less its own mean: the loss
/// `mse_centered` as a figure, which no offset of either changes.
double CentredError(std::span<const float> teacher_q, std::span<const float> student_q) {
  double offset = 0;
  for (std::size_t a = 0; a < teacher_q.size(); ++a) {
    offset += static_cast<double>(student_q[a]) - static_cast<double>(teacher_q[a]);
  }
  offset /= static_cast<double>(teacher_q.size());
  double error = 0;
  for (std::size_t a = 0; a < teacher_q.size(); ++a) {
    const double off =
        static_cast<double>(student_q[a]) - static_cast<double>(teacher_q[a]) - offset;
    error += off * off;
  }
  return error / static_cast<double>(teacher_q.size());
}

/// log sum exp(q / tau), the greatest taken out first.
double LogSumExp(std::span<const float> q, double tau) {
  const double top = static_cast<double>(*std::max_element(q.begin(), q.end())) / tau;
  double sum = 0;
  for (const float value : q) sum += std::exp(static_cast<double>(value) / tau - top);
  return top + std::log(sum);
}

/// The entries of legal actions, in their order.
template <typename T>
std::vector<T> Only(std::span<const std::uint8_t> legal, std::span<const T> values) {
  std::vector<T> kept;
  for (std::size_t a = 0; a < values.size(); ++a) {
    if (legal[a] != 0) kept.push_back(values[a]);
  }
  return kept;
}

}  // namespace

void AddComparison(std::span<const float> teacher_q, std::span<const float> student_q,
                   std::span<const std::int32_t> canonical, const EvaluationModel& model,
                   Comparison& sum) {
  const std::size_t teacher_action = GreedyAction(teacher_q);
  const std::size_t student_action = GreedyAction(student_q);
  ++sum.states;
  const double gap = ActionGap(teacher_q, canonical, teacher_action);
  sum.gap += gap;
  if (canonical[teacher_action] == canonical[student_action]) {
    ++sum.agreeing;
    sum.gap_agreeing += gap;
  }
  sum.q_error += CentredError(teacher_q, student_q);

  const double best = teacher_q[teacher_action];
  const double worst = *std::min_element(teacher_q.begin(), teacher_q.end());
  if (best > worst) {
    sum.regret += (best - static_cast<double>(teacher_q[student_action])) / (best - worst);
  }
  const double tau = model.temperature;
  const double student_tau = model.temper_both ? tau : 1.0;
  const double teacher_norm = LogSumExp(teacher_q, tau);
  const double student_norm = LogSumExp(student_q, student_tau);
  for (std::size_t a = 0; a < teacher_q.size(); ++a) {
    const double log_teacher = static_cast<double>(teacher_q[a]) / tau - teacher_norm;
    const double log_student = static_cast<double>(student_q[a]) / student_tau - student_norm;
    const double p = std::exp(log_teacher);
    if (p > 0) sum.kl += p * (log_teacher - log_student);
  }
}

EvaluationRunner::EvaluationRunner(EvaluationTask task, EvaluationModels models,
                                   const MakeEnvironment& make, std::size_t max_parallel)
    : task_(std::move(task)), models_(std::move(models)) {
  SH_CHECK(models_.compare.size() == task_.compare.size() &&
               (task_.compare.empty() || models_.reference),
           "{} models for {} comparisons", models_.compare.size(), task_.compare.size());
  lanes_.resize(std::min(max_parallel, task_.seeds.size()));
  episodes_.resize(task_.seeds.size());
  returns_.resize(task_.seeds.size());
  sums_.assign(task_.seeds.size(), std::vector<Comparison>(task_.compare.size()));
  for (Lane& lane : lanes_) {
    lane.environment = make();
    if (running_ == 0) {
      const EnvironmentSpec& spec = lane.environment->Spec();
      packed_bytes_ = static_cast<std::size_t>(spec.observation.PackedBytes());
      observation_ = spec.observation;
      actions_ = static_cast<std::size_t>(spec.num_actions);
      canonical_ = spec.canonical_action;
      SH_CHECK(canonical_.size() == actions_, "{} canonical actions", canonical_.size());
    }
    Begin(lane);
    ++running_;
  }
  observations_.resize(lanes_.size() * packed_bytes_);
  done_.resize(lanes_.size());
  for (auto* q : {&player_q_, &reference_q_, &compare_q_}) q->resize(lanes_.size() * actions_);
}

void EvaluationRunner::Begin(Lane& lane) {
  lane.seed_place = next_seed_++;
  const std::uint64_t seed = task_.seeds[lane.seed_place];
  episodes_[lane.seed_place].seed = seed;
  lane.rng = MakeRng(seed, RngPurpose::kEvaluation);
  lane.environment->Seed(seed);
  lane.environment->Reset();
}

void EvaluationRunner::Ask(const EvaluationModel& model, std::vector<float>& q) {
  model.network->Forward(std::span(observations_).first(running_ * packed_bytes_),
                         static_cast<std::int64_t>(running_),
                         std::span(q).first(running_ * actions_));
}

bool EvaluationRunner::Step() {
  if (running_ == 0) return false;
  if (task_.max_steps == 0) {
    running_ = 0;
    return false;
  }
  for (std::size_t row = 0; row < running_; ++row) {
    lanes_[row].environment->Observe(
        std::span(observations_).subspan(row * packed_bytes_, packed_bytes_));
  }
  legal_ = LegalActions(observation_, std::span(observations_).first(running_ * packed_bytes_));
  if (models_.player) Ask(*models_.player, player_q_);
  if (!task_.compare.empty()) Compare();
  for (std::size_t row = 0; row < running_; ++row) Act(lanes_[row], row);
  DropFinished();
  return running_ > 0;
}

void EvaluationRunner::Compare() {
  const bool same = models_.player && task_.player == task_.reference;
  if (!same) Ask(*models_.reference, reference_q_);
  const std::vector<float>& teacher = same ? player_q_ : reference_q_;
  for (std::size_t i = 0; i < task_.compare.size(); ++i) {
    const bool plays = models_.player && task_.player == task_.compare[i];
    if (!plays) Ask(models_.compare[i], compare_q_);
    const std::vector<float>& student = plays ? player_q_ : compare_q_;
    for (std::size_t row = 0; row < running_; ++row) {
      CompareIn(row, std::span(teacher).subspan(row * actions_, actions_),
                std::span(student).subspan(row * actions_, actions_), i);
    }
  }
}

void EvaluationRunner::CompareIn(std::size_t row, std::span<const float> teacher_q,
                                 std::span<const float> student_q, std::size_t i) {
  Comparison& sum = sums_[lanes_[row].seed_place][i];
  const auto legal = LegalOf(legal_, row, actions_);
  if (legal.empty()) {
    return AddComparison(teacher_q, student_q, canonical_, models_.compare[i], sum);
  }
  AddComparison(Only(legal, teacher_q), Only(legal, student_q),
                Only(legal, std::span<const std::int32_t>(canonical_)), models_.compare[i], sum);
}

void EvaluationRunner::Act(Lane& lane, std::size_t row) {
  std::int32_t action = 0;
  if (!models_.player || (task_.epsilon > 0 && lane.rng.Uniform() < task_.epsilon)) {
    action =
        static_cast<std::int32_t>(RandomAction(actions_, LegalOf(legal_, row, actions_), lane.rng));
  } else {
    action = static_cast<std::int32_t>(
        GreedyAction(std::span<const float>(player_q_).subspan(row * actions_, actions_),
                     LegalOf(legal_, row, actions_)));
  }
  const StepResult result = lane.environment->Step(action);
  EvaluationEpisode& episode = episodes_[lane.seed_place];
  returns_[lane.seed_place] += static_cast<double>(result.reward);
  ++episode.length;
  done_[row] = result.Done() || episode.length >= task_.max_steps;
}

void EvaluationRunner::DropFinished() {
  for (std::size_t row = running_; row-- > 0;) {
    if (!done_[row]) continue;
    const std::size_t place = lanes_[row].seed_place;
    episodes_[place].episode_return = static_cast<float>(returns_[place]);
    if (next_seed_ < task_.seeds.size()) {
      Begin(lanes_[row]);
    } else {
      --running_;
      std::swap(lanes_[row], lanes_[running_]);
    }
  }
}

EvaluationResult EvaluationRunner::TakeResult() {
  SH_CHECK(running_ == 0, "{} episodes still run", running_);
  EvaluationResult result;
  result.task = task_.task;
  result.round = task_.round;
  result.player = task_.player.model;
  for (std::size_t i = 0; i < task_.compare.size(); ++i) {
    Comparison total;
    total.model = task_.compare[i].model;
    for (const auto& seed_sums : sums_) {
      total.Add(seed_sums[i]);
    }
    result.comparisons.push_back(total);
  }
  result.episodes = std::move(episodes_);
  return result;
}

}  // namespace stillhouse::actors
