#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/run/evaluation_statistics.h"
#include "common/run/fidelity.h"
#include "common/run/paired_returns.h"

namespace stillhouse {

/// What a source gives to a student: its returns against those of a student without that source.
struct Contribution {
  std::string source;
  std::string without;  ///< that student's name
  PairedReturns returns;
};

/// One model's row. Field names are those of scoreboard.json (docs/operations.md).
struct ModelScore {
  enum class Kind : std::uint8_t { kTeacher, kStudent };
  std::string name;
  Kind kind = Kind::kStudent;
  ReturnStatistics returns;        ///< return_mean, _iqm, _ci95, _worst5, episodes
  double retention = 0;            ///< random-normalised, against the frozen teacher once it exists
  double retention_current = 0;    ///< the same against the live teacher
  bool teacher_qualified = false;  ///< the teacher that `retention` is against beats random
  PairedReturns against_teacher;   ///< on the same seeds
  std::vector<Contribution> contributions;
  Fidelity on_teacher_states;   ///< of the teacher's episodes: agreement, regret, kl
  Fidelity on_own_states;       ///< of the student's own episodes
  double replay_agreement = 0;  ///< with the labels of its recent batches
  std::int64_t parameters = 0;
  std::int64_t bytes = 0;  ///< of the parameters as float32
  std::int64_t macs = 0;
  double latency_us = 0;      ///< batch 1, this host, native backend
  std::uint64_t updates = 0;  ///< of the model itself, when its version was pinned
  std::uint64_t version = 0;
};

/// The latest evaluation of every model; the teacher comes first.
struct Scoreboard {
  double time = 0;  ///< Unix seconds
  double elapsed_s = 0;
  std::string phase = "train";
  std::uint64_t updates = 0;  ///< of the teacher, at this evaluation
  std::uint64_t frames = 0;
  double random_return = 0;
  std::vector<ModelScore> models;
};

/// Sets retention, retention_current and teacher_qualified of every model.
/// `teacher` is what `retention` is against (the frozen teacher once it exists), `current` the
/// live one.
void FillRetention(Scoreboard& board, const ReturnStatistics& teacher,
                   const ReturnStatistics& current);

/// JSON of one line without its newline; what is not finite is written as 0.
std::string ScoreboardJson(const Scoreboard& board);

/// The table that a run ends with; several lines, each ended.
std::string ScoreboardTable(const Scoreboard& board);

}  // namespace stillhouse
