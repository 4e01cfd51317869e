#include "tests/simulation/sim_recorder.h"

#include <chrono>
#include <utility>

namespace stillhouse::simulation {
namespace {
using namespace std::chrono_literals;
constexpr Time kShortestWrite = 2ms;
constexpr Time kLongestWrite = 60ms;
constexpr double kDiskFull = 0.03;
constexpr std::size_t kKeep = 3;
}  // namespace

void SimRecorder::OnProgress(const ProgressRecord& record) {
  if (record.frames < frames_) {
    world_.Violation(fmt::format("frames fall from {} to {}", frames_, record.frames));
  }
  frames_ = record.frames;
  world_.Note(fmt::format("progress: {} frames, {} updates, phase {}", record.frames,
                          record.updates, record.phase));
}

void SimRecorder::OnScoreboard(const Scoreboard& board) {
  board_phase_ = board.phase;
  world_.Note("scoreboard: " + ScoreboardJson(board));
  evaluation_.OnScoreboard(board);
}

void SimRecorder::WriteCheckpoint(Checkpoint checkpoint) {
  if (writing_) world_.Violation("two checkpoints are written at once");
  writing_ = true;
  const bool full = world_.Chance(kDiskFull);
  world_.events.After(world_.Between(kShortestWrite, kLongestWrite),
                      [this, full, checkpoint = std::move(checkpoint)]() mutable {
                        CheckpointOutcome outcome;
                        outcome.updates = checkpoint.facts.updates;
                        if (full) {
                          ++disk_.failures;
                          outcome.error = "no space left on the device";
                        } else {
                          for (const auto& [name, bytes] : checkpoint.files) {
                            outcome.bytes += bytes.size();
                          }
                          ++written_;
                          disk_.checkpoints.push_back(std::move(checkpoint));
                          if (disk_.checkpoints.size() > kKeep) {
                            disk_.checkpoints.erase(disk_.checkpoints.begin());
                          }
                        }
                        outcome_ = std::move(outcome);
                      });
}

std::optional<CheckpointOutcome> SimRecorder::TakeCheckpointOutcome() {
  if (outcome_) writing_ = false;
  return std::exchange(outcome_, std::nullopt);
}

}  // namespace stillhouse::simulation
