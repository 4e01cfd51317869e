#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/types.h>

namespace stillhouse::testing_support {

/// A `stillhouse train` that runs beside the test, in a temporary run directory of its own. Every
/// wait is bounded; what still runs when the object dies is killed.
class RunningJob {
 public:
  /// `ranks` 0: without mpirun. `arguments` follow `train`, the run directory is added.
  RunningJob(int ranks, const std::vector<std::string>& arguments);
  ~RunningJob();
  RunningJob(const RunningJob&) = delete;
  RunningJob& operator=(const RunningJob&) = delete;

  /// Starts the job anew in the same run directory. Only after Wait or KillAll.
  void Restart(int ranks, const std::vector<std::string>& arguments);
  /// Of mpirun, or of the program itself without it.
  pid_t Pid() const { return pid_; }
  /// To mpirun, or to the program itself without it.
  void Signal(int signal) const;
  /// kill -9 for the launcher, every rank and every worker, as a node's death would have it.
  void KillAll();

  /// The exit status; nullopt when it still runs after `timeout` (and is killed).
  std::optional<int> Wait(std::chrono::seconds timeout);
  /// Waits until progress.jsonl has a line for which `predicate` holds; that line.
  template <typename Predicate>
  std::optional<nlohmann::json> WaitForProgress(std::chrono::seconds timeout,
                                                Predicate predicate) const {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    while (std::chrono::steady_clock::now() < deadline) {
      for (const auto& line : Progress()) {
        if (predicate(line)) return line;
      }
      Pause();
    }
    return std::nullopt;
  }

  std::vector<nlohmann::json> Progress() const;
  nlohmann::json Json(const std::string& file) const;
  std::string Text(const std::string& file) const;
  /// Everything that it wrote to standard output and error.
  std::string Output() const;
  const std::filesystem::path& Directory() const { return directory_; }

 private:
  static void Pause();

  std::filesystem::path directory_;
  pid_t pid_ = -1;
};

/// All processes below this one, grandchildren included.
std::vector<pid_t> DescendantsOf(pid_t ancestor);
/// Workers are found by what they are: processes of this program whose parent is `parent`.
std::vector<pid_t> ChildrenOf(pid_t parent);
/// Whether a file whose name holds `part` is mapped into the process.
bool Maps(pid_t pid, const std::string& part);
/// CPU seconds that the process has used, all threads.
double CpuSecondsOf(pid_t pid);
/// Resident memory in MiB.
double RssMibOf(pid_t pid);

}  // namespace stillhouse::testing_support
