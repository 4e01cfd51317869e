#include "cli/file_recorder.h"

#include <csignal>
#include <utility>

#include "common/model/native_file.h"
#include "common/telemetry/process_stats.h"

namespace stillhouse::cli {

FileRecorder::FileRecorder(RunDirectory& directory, const Log& log, std::vector<std::string> names,
                           std::vector<NetworkSpec> networks, std::string host, std::size_t keep,
                           bool in_line)
    : directory_(directory),
      log_(log),
      names_(std::move(names)),
      networks_(std::move(networks)),
      host_(std::move(host)),
      keep_(keep),
      writer_(in_line ? nullptr : std::make_unique<CheckpointWriter>(directory.Path(), keep)) {}

void FileRecorder::OnProgress(const ProgressRecord& record) {
  directory_.AppendProgress(record);
  log_.Info("{}", ProgressLine(record));
}

void FileRecorder::OnScoreboard(const Scoreboard& board) {
  directory_.WriteScoreboard(board);
  std::string line = fmt::format("evaluation ({}):", board.phase);
  for (const auto& model : board.models) {
    line += fmt::format(" {} {:.2f} [{:.2f}, {:.2f}]", model.name, model.returns.mean,
                        model.returns.ci95.low, model.returns.ci95.high);
    if (model.kind == ModelScore::Kind::kStudent) {
      line += fmt::format(" retention {:.2f} agreement {:.2f};", model.retention,
                          model.on_teacher_states.agreement);
    } else {
      line += ";";
    }
  }
  OnNote(line);
}

void FileRecorder::OnNote(const std::string& line) {
  directory_.AppendNote(line);
  log_.Info("{}", line);
}

void FileRecorder::OnEndpoints(const std::vector<std::string>& addresses) {
  directory_.WriteEndpoints(addresses);
}

// models/<name>.native: the network's description, then its parameters (docs/formats.md).
void FileRecorder::OnFinalModel(const FinalModel& model) {
  if (model.model >= networks_.size()) {
    throw WireError(
        fmt::format("final parameters of model {}: there are {}", model.model, networks_.size()));
  }
  const NetworkSpec& network = networks_[model.model];
  const auto path = directory_.WriteModel(
      names_[model.model],
      EncodeNativeFile(network, ParameterBlock(network, model.version, model.parameters)));
  OnNote(fmt::format("{}: {} updates, written to models/{}", names_[model.model], model.updates,
                     path.filename().string()));
}

void FileRecorder::WriteCheckpoint(Checkpoint checkpoint) {
  if (writer_) return writer_->Submit(std::move(checkpoint));
  written_in_line_ =
      stillhouse::WriteCheckpoint(CheckpointStore(directory_.Path()), checkpoint, keep_);
}

std::optional<CheckpointOutcome> FileRecorder::TakeCheckpointOutcome() {
  return writer_ ? writer_->TakeOutcome() : std::exchange(written_in_line_, std::nullopt);
}

// Only this host's processes can be reached by a signal; one that is stopped elsewhere is left to
// the job's abort.
void FileRecorder::ContinueRank(const RankReport& rank) {
  if (rank.host == host_ && rank.pid != ProcessId() && rank.pid != 0) {
    ::kill(static_cast<pid_t>(rank.pid), SIGCONT);
  }
}

}  // namespace stillhouse::cli
