#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/run/scoreboard.h"
#include "common/telemetry/progress_log.h"

namespace stillhouse {

enum class RunState : std::uint8_t { kRunning, kDone, kFailed, kPreempted };

/// "running", "done", "failed", "preempted"
const char* RunStateName(RunState state);

/// Where workers of a run go, as `stillhouse actor --connect RUN_DIR` reads it.
struct RunEndpoints {
  std::vector<std::string> shards;  ///< "host:port", in shard order
  std::string token;
};

/// A run's directory (docs/operations.md lists its files), owned by one job: it holds the
/// directory's lock until it is destroyed. Files are replaced whole (written aside, synced,
/// renamed) or appended to line by line; a reader never sees half a file. Thread-compatible.
///
/// Every function throws StorageError, naming file and reason, when the disk refuses.
class RunDirectory {
 public:
  /// Creates and locks `path`, parents included. A directory that holds an earlier run that is
  /// over is moved aside to `<path>.<n>`, never deleted. Throws ConfigError when another job
  /// holds it, or when it holds something that is not a run; nothing has changed then.
  ///
  /// `token`: the job's secret; empty: 128 random bits. Kept in the file `token`, mode 0600.
  static RunDirectory Create(const std::filesystem::path& path, const std::string& token);

  /// Locks the run in `path` to go on with it: its files stay, the attempt is one more, its token
  /// is the old one unless another is given. Throws ConfigError when another job holds it or it is
  /// no run.
  static RunDirectory Resume(const std::filesystem::path& path, const std::string& token);

  RunDirectory(RunDirectory&& other) noexcept;
  RunDirectory& operator=(RunDirectory&&) = delete;
  ~RunDirectory();

  const std::filesystem::path& Path() const { return path_; }
  const std::string& Token() const { return token_; }
  /// 1 at a fresh start; counts restarts.
  std::uint32_t Attempt() const { return attempt_; }
  /// Where the earlier run of this name has gone.
  const std::optional<std::filesystem::path>& MovedAside() const { return moved_aside_; }

  /// Nothing has started, and nothing will: takes back what Create has made and puts an earlier
  /// run back in its place. Of a resumed run there is nothing to take back.
  void Undo() noexcept;

  /// config.yaml. Of a run with a chosen token, which may stand in it, only its owner may read it.
  void WriteConfig(std::string_view yaml) const;
  /// status.json: status, reason, exit_status (null while running), time, host, pid.
  void WriteStatus(RunState state, std::string_view reason, std::optional<int> exit_status) const;
  /// endpoints.json: where the shards listen, in shard order.
  void WriteEndpoints(const std::vector<std::string>& shards) const;
  /// A line of progress.jsonl and one of progress.log.
  void AppendProgress(const ProgressRecord& record) const;
  /// A line of progress.log alone: what happened, for people.
  void AppendNote(std::string_view line) const;
  /// scoreboard.json, and a line of scoreboard.jsonl.
  void WriteScoreboard(const Scoreboard& board) const;
  /// models/<name>.native. Returns where.
  std::filesystem::path WriteModel(const std::string& name,
                                   std::span<const std::uint8_t> bytes) const;

 private:
  RunDirectory() = default;

  std::filesystem::path path_;
  std::string token_;
  bool token_was_chosen_ = false;
  std::uint32_t attempt_ = 1;
  bool created_ = false;
  std::optional<std::filesystem::path> moved_aside_;
  int lock_ = -1;
};

/// What status.json of a run directory says; nullopt when there is none that can be read.
struct RunStatusFile {
  std::string status;  ///< RunStateName
  std::uint32_t attempt = 1;
};
/// What RunDirectory::WriteStatus writes, for those who do not own the directory.
void WriteRunStatus(const std::filesystem::path& run_dir, std::uint32_t attempt, RunState state,
                    std::string_view reason, std::optional<int> exit_status);
std::optional<RunStatusFile> ReadRunStatus(const std::filesystem::path& run_dir);
std::optional<RunStatusFile> ParseRunStatus(std::string_view text);

/// endpoints.json and token of a run directory. Throws StorageError when they are not there (yet)
/// and WireError when they are not what a run writes.
RunEndpoints ReadRunEndpoints(const std::filesystem::path& run_dir);
/// The addresses in the text of endpoints.json. Throws WireError that begins with `where`.
std::vector<std::string> ParseEndpoints(std::string_view text, const std::string& where);

}  // namespace stillhouse
