#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/layer_changes.h"

namespace stillhouse {

/// One student's line of a report.
struct StudentFigures {
  std::string name;
  std::uint64_t updates = 0;
  double updates_per_s = 0;
  double loss = 0;
  double agreement = 0;               ///< share of rows with the label's greedy action
  std::uint64_t lag_updates = 0;      ///< teacher updates behind
  std::uint64_t dropped_batches = 0;  ///< skipped for want of credit since the run's start
  std::uint64_t dropped_now = 0;      ///< of these, since the last report
  double silent_s = 0;                ///< since its host was last heard
  double label_age_mean = 0;          ///< of the teacher's labels, in its updates, recent batches
  std::uint64_t label_age_max = 0;    ///< of what it has learnt from in this attempt
  std::uint64_t stale_batches = 0;    ///< left out because their labels were too old
  /// Labelled by the student host's own copy of the teacher.
  std::uint64_t relabelled_batches = 0;
  LayerChanges changes{};  ///< of an update since the last report; or empty
};

/// One rank's line of a report.
struct RankFigures {
  std::uint32_t rank = 0;
  std::string role = {};  ///< "coordinator+learner"
  std::string host = {};
  std::uint64_t pid = 0;
  double busy = 0;  ///< CPU seconds a second
  std::uint64_t rss_bytes = 0;
};

/// One report: a line of progress.jsonl. Rates are over the time since the last report, sums since
/// the run's start. Field names are the file's (docs/operations.md).
struct ProgressRecord {
  std::uint32_t attempt = 1;
  /// Only in the first line of a resumed attempt: lines of earlier attempts with more updates than
  /// this are superseded.
  std::optional<std::uint64_t> resumed_from_updates;
  double time = 0;  ///< Unix seconds
  double elapsed_s = 0;
  std::string phase = "train";  ///< train | tail | final | end
  std::uint64_t frames = 0;     ///< behaviour steps stored
  std::uint64_t episodes = 0;
  double frames_per_s = 0;
  std::uint64_t updates = 0;  ///< teacher updates
  double updates_per_s = 0;
  double samples_per_s = 0;
  double samples_per_insert = 0;  ///< samples / (inserts - min_size) so far
  std::uint64_t replay_size = 0;  ///< transitions held
  std::uint64_t replay_bytes = 0;
  double loss = 0;  ///< mean over the updates since the last report, as q_mean and grad_norm
  double q_mean = 0;
  double grad_norm = 0;
  double epsilon_mean = 0;
  std::uint64_t weights_version = 0;
  /// Versions between the weights that played a chunk and the newest when it was stored: 99 % of
  /// the last 1024 chunks lag no further, in the shard where it is worst.
  std::uint32_t weights_lag_p99 = 0;
  std::uint32_t actors_alive = 0;  ///< worker processes
  std::uint64_t workers_restarted = 0;
  double return_mean = 0;  ///< last 100 behaviour episodes
  /// Different states among all that were stored, estimated; floats count by cells
  /// (replay/state_coverage.h).
  std::uint64_t states_distinct = 0;
  /// Nats, of the actions stored since the last record; as before when there were none.
  double action_entropy = 0;
  bool actors_wait = false;    ///< inserts stand at the rate limiter
  bool learner_waits = false;  ///< sampling stands at the rate limiter
  std::vector<StudentFigures> students;
  std::vector<RankFigures> ranks;
};

/// One line of JSON without its newline. What is not finite is written as 0: JSON has no name for
/// it, and readers expect a number.
std::string ProgressJson(const ProgressRecord& record);

/// The same for people, one line: rates, who lags or drops batches, who waits.
std::string ProgressLine(const ProgressRecord& record);

/// 1234567 -> "1.23M", 999 -> "999". Four significant places at most.
std::string ShortCount(double count);

/// "1h02m", "3m05s", "12.3s"
std::string ShortTime(double seconds);

/// `value`, or 0 where it is not finite.
double FiniteOrZero(double value);

}  // namespace stillhouse
