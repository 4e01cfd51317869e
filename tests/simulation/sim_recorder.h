#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/run/coordinator.h"
#include "tests/simulation/evaluation_ledger.h"
#include "tests/simulation/sim_disk.h"
#include "tests/simulation/world.h"

namespace stillhouse::simulation {

/// The disk of a job: what is on it outlives the job's lives.
struct Disk {
  std::vector<Checkpoint> checkpoints;  ///< whole ones, oldest first
  std::uint64_t failures = 0;           ///< writes that ended with an error
  /// [shards] of a job with a durable store: the folders of their logs.
  std::vector<std::unique_ptr<SimFolder>> folders{};
};

/// Writes the coordinator's records down for the schedule. A checkpoint takes a while to write and
/// is on the disk all at once; now and then the disk is full.
class SimRecorder final : public RunRecorder {
 public:
  SimRecorder(World& world, Disk& disk, EvaluationLedger& evaluation,
              std::function<void(std::uint32_t)> continue_rank)
      : world_(world),
        disk_(disk),
        evaluation_(evaluation),
        continue_rank_(std::move(continue_rank)) {}

  void OnProgress(const ProgressRecord& record) override;
  void OnScoreboard(const Scoreboard& board) override;
  void OnNote(const std::string& line) override { world_.Note("note: " + line); }
  void OnEndpoints(const std::vector<std::string>&) override { listening_ = true; }
  void OnFinalModel(const FinalModel& model) override { finals_[model.model] = model; }
  void ContinueRank(const RankReport& rank) override { continue_rank_(rank.rank); }
  void WriteCheckpoint(Checkpoint checkpoint) override;
  std::optional<CheckpointOutcome> TakeCheckpointOutcome() override;

  const std::map<std::uint16_t, FinalModel>& Finals() const { return finals_; }
  std::uint64_t Frames() const { return frames_; }
  /// Checkpoints written in this life.
  std::uint64_t Written() const { return written_; }
  const std::string& LastBoardPhase() const { return board_phase_; }
  /// Every shard has said where it listens.
  bool Listening() const { return listening_; }

 private:
  bool listening_ = false;
  World& world_;
  Disk& disk_;
  EvaluationLedger& evaluation_;
  std::function<void(std::uint32_t)> continue_rank_;
  std::map<std::uint16_t, FinalModel> finals_;
  std::optional<CheckpointOutcome> outcome_;
  bool writing_ = false;
  std::uint64_t frames_ = 0;
  std::uint64_t written_ = 0;
  std::string board_phase_;
};

}  // namespace stillhouse::simulation
