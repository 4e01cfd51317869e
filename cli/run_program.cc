#include "cli/run_program.h"

#include <csignal>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>

#include "common/base/error.h"
#include "common/base/spawn_setup.h"

namespace stillhouse::cli {
std::optional<int> RunProgram(const std::vector<std::string>& argv,
                              const std::filesystem::path& output, std::chrono::seconds limit) {
  using namespace std::chrono_literals;
  SH_CHECK(!argv.empty());
  std::vector<std::string> strings = argv;
  std::vector<char*> pointers;
  for (auto& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  const std::string errors = output.string() + ".err";
  SpawnSetup setup;
  constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&setup.files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&setup.files, 1, output.c_str(), kWrite, 0644);
  posix_spawn_file_actions_addopen(&setup.files, 2, errors.c_str(), kWrite, 0644);
  // A group of its own, so that a compiler's children can be killed with it.
  posix_spawnattr_setpgroup(&setup.attributes, 0);
  posix_spawnattr_setflags(&setup.attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  if (posix_spawnp(&pid, pointers[0], &setup.files, &setup.attributes, pointers.data(), environ) !=
      0) {
    return std::nullopt;
  }
  const auto deadline = std::chrono::steady_clock::now() + limit;
  int status = 0;
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() >= deadline) {
      kill(-pid, SIGKILL);
      waitpid(pid, &status, 0);
      return std::nullopt;
    }
    std::this_thread::sleep_for(5ms);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace stillhouse::cli
