#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/run/coordinator.h"
#include "common/run/run_directory.h"
#include "common/telemetry/log.h"

namespace stillhouse::cli {

/// Writes what the coordinator records into the run directory and shows it on the console.
class FileRecorder final : public RunRecorder {
 public:
  /// `networks`: the models' descriptions, teacher first. All references outlive the recorder.
  /// `keep`: checkpoints that stay. Checkpoints are written on a thread of their own, or, with
  /// `in_line` (deterministic runs), before WriteCheckpoint returns.
  FileRecorder(RunDirectory& directory, const Log& log, std::vector<std::string> names,
               std::vector<NetworkSpec> networks, std::string host, std::size_t keep,
               bool in_line = false);

  void OnProgress(const ProgressRecord& record) override;
  void OnScoreboard(const Scoreboard& board) override;
  void OnNote(const std::string& line) override;
  void OnEndpoints(const std::vector<std::string>& addresses) override;
  void OnFinalModel(const FinalModel& model) override;
  void ContinueRank(const RankReport& rank) override;
  void WriteCheckpoint(Checkpoint checkpoint) override;
  std::optional<CheckpointOutcome> TakeCheckpointOutcome() override;

 private:
  RunDirectory& directory_;
  const Log& log_;
  std::vector<std::string> names_;
  std::vector<NetworkSpec> networks_;
  std::string host_;
  std::size_t keep_;
  std::optional<CheckpointOutcome> written_in_line_;
  std::unique_ptr<CheckpointWriter> writer_;  ///< null: in line
};

}  // namespace stillhouse::cli
