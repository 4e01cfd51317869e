#include "common/run/progress_tracker.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace stillhouse {
namespace {
constexpr std::size_t kRecentEpisodes = 100;

double Rate(std::uint64_t now, std::uint64_t before, double interval_s) {
  return interval_s > 0 ? static_cast<double>(now - std::min(now, before)) / interval_s : 0;
}
}  // namespace

const char* PhaseName(RunPhase phase) {
  switch (phase) {
    case RunPhase::kTrain:
      return "train";
    case RunPhase::kTail:
      return "tail";
    case RunPhase::kFinal:
      return "final";
    case RunPhase::kEnd:
      return "end";
  }
  return "unknown";
}

ProgressTracker::ProgressTracker(Settings settings)
    : settings_(std::move(settings)),
      shards_(settings_.shards),
      students_(settings_.students.size()),
      episodes_(settings_.episodes_before) {
  learner_.updates = settings_.updates_before;
  learner_.samples = last_samples_ = settings_.samples_before;
  visited_.Merge(settings_.visited_before);
  // Rates count from where this attempt begins.
  last_.frames = settings_.frames_at_start;
  last_.updates = settings_.updates_before;
  last_.elapsed_s = settings_.elapsed_before_s;
}

void ProgressTracker::On(const ShardReport& report, std::uint16_t shard) {
  shards_.at(shard) = report;
  shards_known_.insert(shard);
  visited_.Merge(report.visited);
  episodes_ += report.episodes.size();
  for (const auto& episode : report.episodes) {
    recent_returns_.push_back(episode.episode_return);
    if (recent_returns_.size() > kRecentEpisodes) recent_returns_.pop_front();
  }
}

void ProgressTracker::On(const StudentReport& report) {
  for (const auto& student : report.students) {
    if (student.model == 0 || student.model > students_.size()) {
      throw WireError(fmt::format("student report of model {}: there are {} students",
                                  student.model, students_.size()));
    }
    StudentProgress& newest = students_[student.model - 1U];
    LayerChanges changes = student.changes.Empty() ? std::move(newest.changes) : student.changes;
    newest = student;
    newest.changes = std::move(changes);
  }
}

std::uint64_t ProgressTracker::OnShardDown(std::uint16_t shard) {
  shards_known_.insert(shard);
  ShardReport& last = shards_.at(shard);
  ShardReport left;
  left.totals.inserted = last.totals.inserted;
  left.frames = last.frames;
  left.action_counts = last.action_counts;
  const std::uint64_t lost = last.totals.size;
  last = left;
  return lost;
}

bool ProgressTracker::InsertsBlocked() const {
  return std::any_of(shards_.begin(), shards_.end(),
                     [](const auto& shard) { return shard.insert_blocked; });
}

std::size_t ProgressTracker::WorkersAlive() const {
  return std::accumulate(
      shards_.begin(), shards_.end(), std::size_t{0},
      [](auto sum, const auto& shard) { return sum + shard.home_workers.size(); });
}

std::uint64_t ProgressTracker::Frames() const {
  return std::accumulate(shards_.begin(), shards_.end(), settings_.frames_before,
                         [](auto sum, const auto& shard) { return sum + shard.frames; });
}

std::uint64_t ProgressTracker::Inserted() const {
  return std::accumulate(shards_.begin(), shards_.end(), settings_.inserted_before,
                         [](auto sum, const auto& shard) { return sum + shard.totals.inserted; });
}

std::uint64_t ProgressTracker::StoreSize() const {
  return std::accumulate(shards_.begin(), shards_.end(), std::uint64_t{0},
                         [](auto sum, const auto& shard) { return sum + shard.totals.size; });
}

ProgressRecord ProgressTracker::Take(Time now, RunPhase phase) {
  ProgressRecord record;
  record.attempt = settings_.attempt;
  record.elapsed_s = Seconds(now);
  record.time = settings_.start_unix_s + record.elapsed_s - settings_.elapsed_before_s;
  record.phase = PhaseName(phase);
  const double interval_s = record.elapsed_s - last_.elapsed_s;
  FillShards(record);
  FillCoverage(record);
  record.frames_per_s = Rate(record.frames, last_.frames, interval_s);
  record.updates = learner_.updates;
  record.updates_per_s = Rate(record.updates, last_.updates, interval_s);
  record.samples_per_s = Rate(learner_.samples, last_samples_, interval_s);
  const auto beyond = static_cast<std::int64_t>(Inserted()) - settings_.min_size;
  record.samples_per_insert =
      beyond > 0 ? static_cast<double>(learner_.samples) / static_cast<double>(beyond) : 0;
  record.loss = learner_.loss;
  record.q_mean = learner_.q_mean;
  record.grad_norm = learner_.grad_norm;
  record.weights_version = learner_.version;
  record.learner_waits = learner_.sample_blocked;
  for (const auto& [index, host] : hosts_) record.workers_restarted += host.restarts;
  if (!recent_returns_.empty()) {
    record.return_mean = std::accumulate(recent_returns_.begin(), recent_returns_.end(), 0.0) /
                         static_cast<double>(recent_returns_.size());
  }
  FillStudents(record, interval_s);
  for (const auto& [rank, report] : ranks_) {
    record.ranks.push_back(
        {rank, report.roles, report.host, report.pid, report.busy, report.rss_bytes});
  }
  last_ = record;
  last_samples_ = learner_.samples;
  has_last_ = true;
  return record;
}

void ProgressTracker::FillShards(ProgressRecord& record) const {
  record.frames = settings_.frames_before;
  double epsilon_sum = 0;
  std::size_t epsilon_count = 0;
  for (const auto& shard : shards_) {
    record.frames += shard.frames;
    record.replay_size += shard.totals.size;
    record.replay_bytes += shard.bytes;
    record.weights_lag_p99 = std::max(record.weights_lag_p99, shard.weights_lag_p99);
    record.actors_wait = record.actors_wait || shard.insert_blocked;
    record.actors_alive += static_cast<std::uint32_t>(shard.home_workers.size());
    epsilon_sum += shard.epsilon_mean * static_cast<double>(shard.home_workers.size());
    epsilon_count += shard.home_workers.size();
  }
  record.episodes = episodes_;
  // At the end of a run its workers have left before the last line is written.
  record.epsilon_mean =
      epsilon_count > 0 ? epsilon_sum / static_cast<double>(epsilon_count) : last_.epsilon_mean;
}

void ProgressTracker::FillCoverage(ProgressRecord& record) {
  record.states_distinct = static_cast<std::uint64_t>(std::llround(visited_.Estimate()));
  std::vector<std::uint64_t> actions;
  for (const auto& shard : shards_) {
    actions.resize(std::max(actions.size(), shard.action_counts.size()), 0);
    for (std::size_t a = 0; a < shard.action_counts.size(); ++a) {
      actions[a] += shard.action_counts[a];
    }
  }
  std::vector<double> now(actions.begin(), actions.end());
  for (std::size_t a = 0; a < std::min(now.size(), actions_before_.size()); ++a) {
    now[a] -= static_cast<double>(actions_before_[a]);
  }
  const double steps = std::accumulate(now.begin(), now.end(), 0.0);
  record.action_entropy = steps > 0 ? 0 : last_.action_entropy;
  for (const double count : now) {
    if (steps > 0 && count > 0) record.action_entropy -= count / steps * std::log(count / steps);
  }
  actions_before_ = std::move(actions);
}

void ProgressTracker::FillStudents(ProgressRecord& record, double interval_s) {
  for (std::size_t i = 0; i < students_.size(); ++i) {
    StudentFigures figures;
    figures.name = settings_.students[i];
    figures.updates = students_[i].updates;
    figures.loss = students_[i].loss;
    figures.agreement = students_[i].agreement;
    figures.label_age_mean = students_[i].label_age;
    figures.label_age_max = students_[i].label_age_max;
    figures.stale_batches = students_[i].stale;
    figures.relabelled_batches = students_[i].relabelled;
    figures.changes = std::exchange(students_[i].changes, {});
    const std::size_t host = settings_.host_of_student[i];
    if (host < learner_.dropped.size()) {
      figures.lag_updates = learner_.lag_updates[host];
      figures.dropped_batches = learner_.dropped[host];
      figures.silent_s = static_cast<double>(learner_.silent_ms[host]) / 1000.0;
    }
    if (has_last_) {
      const StudentFigures& before = last_.students[i];
      figures.updates_per_s = Rate(figures.updates, before.updates, interval_s);
      figures.dropped_now = figures.dropped_batches - before.dropped_batches;
    } else {
      figures.updates_per_s = Rate(figures.updates, 0, interval_s);
    }
    record.students.push_back(std::move(figures));
  }
}

}  // namespace stillhouse
