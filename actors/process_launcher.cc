#include "actors/process_launcher.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/spawn_setup.h"

namespace stillhouse::actors {

namespace {

/// Our environment without what launchers put there: a worker must not take itself for a rank.
std::vector<std::string> CleanEnvironment() {
  constexpr std::array<std::string_view, 6> kForeign = {"OMPI_", "PMIX_", "PMI_",
                                                        "SLURM", "ORTE_", "PRTE_"};
  std::vector<std::string> clean;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view entry(*at);
    const bool foreign = std::any_of(kForeign.begin(), kForeign.end(),
                                     [&](std::string_view p) { return entry.starts_with(p); });
    const bool token = entry.starts_with(kTokenVariable) &&
                       entry.substr(std::strlen(kTokenVariable)).starts_with("=");
    if (!foreign && !token) clean.emplace_back(entry);
  }
  return clean;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (auto& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

/// A pipe; both ends close with it, and in every child.
class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_.data(), O_CLOEXEC) != 0) {
      throw CommError(fmt::format("pipe: {}", std::strerror(errno)));
    }
  }
  ~Pipe() {
    CloseIn();
    close(ends_[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int Out() const { return ends_[0]; }
  int In() const { return ends_[1]; }
  void CloseIn() {
    if (ends_[1] >= 0) close(std::exchange(ends_[1], -1));
  }

 private:
  std::array<int, 2> ends_{};
};

/// input, output: what become the child's standard input (-1: nothing) and output. beats: what
/// becomes its kBeatDescriptor; -1: it gets none.
pid_t Spawn(const std::string& program, std::vector<std::string> arguments,
            std::vector<std::string> environment, int input, int output, int beats = -1) {
  SpawnSetup setup;
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&setup.attributes, &none);
  posix_spawnattr_setsigdefault(&setup.attributes, &all);
  posix_spawnattr_setflags(&setup.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawn_file_actions_adddup2(&setup.files, output, STDOUT_FILENO);
  if (input >= 0) {
    posix_spawn_file_actions_adddup2(&setup.files, input, STDIN_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&setup.files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  if (beats >= 0) posix_spawn_file_actions_adddup2(&setup.files, beats, kBeatDescriptor);
  posix_spawn_file_actions_addclosefrom_np(&setup.files,
                                           beats >= 0 ? kBeatDescriptor + 1 : kBeatDescriptor);
  arguments.insert(arguments.begin(), program);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, program.c_str(), &setup.files, &setup.attributes,
                                Pointers(arguments).data(), Pointers(environment).data());
  if (error != 0) {
    throw CommError(fmt::format("cannot start {}: {}", program, std::strerror(error)));
  }
  return pid;
}

int ExitStatus(int wait_status) {
  return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

std::string ReadAll(int descriptor) {
  std::string text;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

std::vector<std::uint8_t> FromHex(std::string_view text) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    throw CommError(fmt::format("a worker's answer holds '{}', expected hexadecimal digits", c));
  };
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(digit(text[i]) * 16 + digit(text[i + 1])));
  }
  return bytes;
}

}  // namespace

std::string DefaultWorkerProgram() {
  std::array<char, 4096> path{};
  const ssize_t length = readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (length <= 0) throw CommError(fmt::format("/proc/self/exe: {}", std::strerror(errno)));
  const std::string_view self(path.data(), static_cast<std::size_t>(length));
  return std::string(self.substr(0, self.rfind('/'))) + "/stillhouse-worker";
}

WorkerLauncher::WorkerLauncher(std::string program, std::int32_t envs)
    : program_(std::move(program)), envs_(envs) {}

WorkerLauncher::~WorkerLauncher() {
  for (const auto pid : pids_) {
    kill(static_cast<pid_t>(pid), SIGKILL);
    waitpid(static_cast<pid_t>(pid), nullptr, 0);
  }
  for (const auto& [pid, descriptor] : beats_) close(descriptor);
}

std::int64_t WorkerLauncher::Start(const WorkerLaunch& launch) {
  std::vector<std::string> arguments = {
      "--connect",         fmt::format("{}", fmt::join(launch.addresses, ",")),
      "--index",           std::to_string(launch.index),
      "--host-pid",        std::to_string(getpid()),
      "--token-from-input"};
  if (envs_ > 0) arguments.insert(arguments.end(), {"--envs", std::to_string(envs_)});
  // A token is far below what a pipe holds, so that nobody waits for the worker to read it.
  Pipe token;
  if (write(token.In(), launch.token.data(), launch.token.size()) !=
      static_cast<ssize_t>(launch.token.size())) {
    throw CommError(fmt::format("pipe: {}", std::strerror(errno)));
  }
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    throw CommError(fmt::format("pipe: {}", std::strerror(errno)));
  }
  arguments.emplace_back("--beats");
  pid_t pid = 0;
  try {
    pid = Spawn(program_, arguments, CleanEnvironment(), token.Out(), STDERR_FILENO, ends[1]);
  } catch (...) {
    close(ends[0]);
    close(ends[1]);
    throw;
  }
  close(ends[1]);
  pids_.push_back(pid);
  beats_[pid] = ends[0];
  return pid;
}

std::vector<ProcessLauncher::Exit> WorkerLauncher::Poll() {
  std::vector<Exit> exits;
  std::erase_if(pids_, [&](std::int64_t pid) {
    int status = 0;
    const pid_t ended = waitpid(static_cast<pid_t>(pid), &status, WNOHANG);
    if (ended == 0) return false;
    if (const auto beats = beats_.extract(pid)) close(beats.mapped());
    // -1: somebody else collected it; it is gone all the same.
    exits.push_back({pid, ended < 0 ? 1 : ExitStatus(status)});
    return true;
  });
  return exits;
}

std::optional<std::vector<std::int64_t>> WorkerLauncher::TakeBeats() {
  std::vector<std::int64_t> heard;
  for (const auto& [pid, descriptor] : beats_) {
    std::array<char, 256> buffer;
    if (read(descriptor, buffer.data(), buffer.size()) > 0) heard.push_back(pid);
  }
  return heard;
}

void WorkerLauncher::Stop(std::int64_t pid, bool at_once) {
  // A pid that has been collected may be another process by now.
  if (std::find(pids_.begin(), pids_.end(), pid) == pids_.end()) return;
  kill(static_cast<pid_t>(pid), at_once ? SIGKILL : SIGTERM);
}

EnvironmentSpec DescribeEnvironment(const EnvironmentSettings& settings,
                                    const std::string& program) {
  Pipe pipe;
  const std::vector<std::string> arguments = {
      "--describe",
      settings.id,
      "--sticky-action-prob",
      fmt::format("{}", settings.sticky_action_prob),
      "--difficulty-ramping",
      settings.difficulty_ramping ? "true" : "false",
      "--mask-actions",
      settings.mask_actions ? "true" : "false",
      "--games",
      fmt::format("{}", fmt::join(settings.several.games, ",")),
      "--channels",
      fmt::format("{}", settings.several.channels)};
  const pid_t pid = Spawn(program, arguments, CleanEnvironment(), -1, pipe.In());
  pipe.CloseIn();
  const std::string answer = ReadAll(pipe.Out());
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (ExitStatus(status) == 2) throw ConfigError(answer);
  if (ExitStatus(status) != 0) {
    throw CommError(fmt::format("{} --describe {}: ended with status {}", program, settings.id,
                                ExitStatus(status)));
  }
  const auto bytes = FromHex(answer);
  ByteReader reader(bytes, "environment's description");
  EnvironmentSpec spec = EnvironmentSpec::Decode(reader);
  reader.ExpectEnd();
  return spec;
}

}  // namespace stillhouse::actors
