#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace stillhouse::testing_support {

/// A directory that lives as long as the object.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::filesystem::path& Path() const { return path_; }
  /// Writes a file in it; its path.
  std::string Write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

/// A program that runs beside the test. What still runs when the object dies is killed, with
/// everything that it has started.
class Command {
 public:
  /// argv[0] is the program's path; `environment` ("NAME=value") comes on top of ours.
  explicit Command(std::vector<std::string> argv, const std::vector<std::string>& environment = {});
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  pid_t Pid() const { return pid_; }
  void Signal(int number) const;
  /// The exit status (128 + signal when one ended it); nullopt: it still runs after `timeout`.
  std::optional<int> Wait(std::chrono::milliseconds timeout);
  /// Standard output and standard error so far, as they came.
  std::string Output() const;

 private:
  ScratchDirectory directory_;
  pid_t pid_ = -1;
};

/// The program under test: `stillhouse` in the build directory.
std::string StillhouseProgram();
std::vector<std::string> Stillhouse(std::vector<std::string> arguments);

}  // namespace stillhouse::testing_support
