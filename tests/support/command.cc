#include "tests/support/command.h"

#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.h"

extern char** environ;

namespace stillhouse::testing_support {
namespace {

namespace fs = std::filesystem;

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (auto& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ScratchDirectory::ScratchDirectory() {
  std::string name = (fs::temp_directory_path() / "stillhouse-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw StorageError("no temporary directory");
  path_ = name;
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;  // a leftover in the temporary folder is no failure of the test
  fs::remove_all(path_, ignored);
}

std::string ScratchDirectory::Write(const std::string& name, const std::string& text) const {
  std::ofstream(path_ / name) << text;
  return (path_ / name).string();
}

Command::Command(std::vector<std::string> argv, const std::vector<std::string>& environment) {
  std::vector<std::string> variables;
  for (char** at = environ; *at != nullptr; ++at) variables.emplace_back(*at);
  for (const auto& variable : environment) {
    const auto name = variable.substr(0, variable.find('=') + 1);
    std::erase_if(variables, [&](const auto& old) { return old.starts_with(name); });
    variables.push_back(variable);
  }
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const std::string output = (directory_.Path() / "output").string();
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int failed = posix_spawn(&pid_, argv[0].c_str(), &files, &attributes, Pointers(argv).data(),
                                 Pointers(variables).data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) throw CommError("cannot start " + argv[0]);
}

Command::~Command() {
  if (pid_ <= 0) return;
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Command::Signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

std::optional<int> Command::Wait(std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (true) {
    int status = 0;
    if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    if (pid_ <= 0 || std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

std::string Command::Output() const {
  std::ifstream in(directory_.Path() / "output");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string StillhouseProgram() {
  return (fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "stillhouse").string();
}

std::vector<std::string> Stillhouse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), StillhouseProgram());
  return arguments;
}

}  // namespace stillhouse::testing_support
