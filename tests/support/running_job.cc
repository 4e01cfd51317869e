#include "tests/support/running_job.h"

#include <algorithm>
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

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The program under test lies in the build directory, the test in its tests/ folder.
fs::path BuildDirectory() { return fs::read_symlink("/proc/self/exe").parent_path().parent_path(); }

fs::path NewDirectory() {
  std::string name = (fs::temp_directory_path() / "stillhouse-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw StorageError("no temporary directory");
  return name;
}

std::vector<std::string> StatFieldsOf(pid_t pid) {
  // Field 2, the name in parentheses, may hold blanks: what follows it starts at field 3.
  const std::string text = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  const auto end = text.rfind(')');
  std::vector<std::string> fields{"pid", "name"};
  if (end == std::string::npos) return {};
  std::istringstream rest(text.substr(end + 1));
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

}  // namespace

RunningJob::RunningJob(int ranks, const std::vector<std::string>& arguments)
    : directory_(NewDirectory()) {
  Restart(ranks, arguments);
}

void RunningJob::Signal(int signal) const { ::kill(pid_, signal); }

void RunningJob::KillAll() {
  // First stopped: nobody starts anything while the list is made.
  ::kill(pid_, SIGSTOP);
  std::vector<pid_t> victims = DescendantsOf(pid_);
  victims.push_back(pid_);
  for (const pid_t victim : victims) ::kill(victim, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  const auto alive = [](pid_t pid) {
    const auto fields = StatFieldsOf(pid);
    return fields.size() > 3 && fields[2] != "Z";
  };
  while (std::any_of(victims.begin(), victims.end(), alive)) Pause();
}

void RunningJob::Restart(int ranks, const std::vector<std::string>& arguments) {
  const std::string program = (BuildDirectory() / "stillhouse").string();
  std::vector<std::string> command;
  if (ranks > 0) {
    command = {STILLHOUSE_SOURCE_DIR "/tests/support/mpirun.sh", "-n", std::to_string(ranks)};
  }
  command.push_back(program);
  command.emplace_back("train");
  command.insert(command.end(), arguments.begin(), arguments.end());
  command.emplace_back("--run-dir");
  command.push_back((directory_ / "run").string());
  std::vector<char*> argv;
  for (auto& word : command) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const std::string output = (directory_ / "output").string();
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  const int failed =
      posix_spawn(&pid_, command[0].c_str(), &files, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) throw CommError("cannot start " + command[0]);
}

RunningJob::~RunningJob() {
  if (pid_ > 0) {
    ::kill(-pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;  // a leftover in the temporary folder is no failure of the test
  fs::remove_all(directory_, ignored);
}

std::optional<int> RunningJob::Wait(std::chrono::seconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (std::chrono::steady_clock::now() < deadline) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    Pause();
  }
  return std::nullopt;
}

void RunningJob::Pause() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

std::vector<nlohmann::json> RunningJob::Progress() const {
  std::vector<nlohmann::json> lines;
  std::istringstream text(Text("progress.jsonl"));
  for (std::string line; std::getline(text, line);) {
    // The last line may be half written while the job runs.
    auto parsed = nlohmann::json::parse(line, nullptr, false);
    if (!parsed.is_discarded()) lines.push_back(std::move(parsed));
  }
  return lines;
}

nlohmann::json RunningJob::Json(const std::string& file) const {
  return nlohmann::json::parse(Text(file));
}

std::string RunningJob::Text(const std::string& file) const {
  return ReadFile(directory_ / "run" / file);
}

std::string RunningJob::Output() const { return ReadFile(directory_ / "output"); }

std::vector<pid_t> ChildrenOf(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (!std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) {
      continue;
    }
    const auto pid = static_cast<pid_t>(std::stol(name));
    const auto fields = StatFieldsOf(pid);
    const bool zombie = fields.size() > 3 && fields[2] == "Z";
    if (fields.size() > 3 && !zombie && fields[3] == std::to_string(parent)) {
      children.push_back(pid);
    }
  }
  return children;
}

std::vector<pid_t> DescendantsOf(pid_t ancestor) {
  std::vector<pid_t> found;
  std::vector<pid_t> parents{ancestor};
  while (!parents.empty()) {
    const pid_t parent = parents.back();
    parents.pop_back();
    for (const pid_t child : ChildrenOf(parent)) {
      found.push_back(child);
      parents.push_back(child);
    }
  }
  return found;
}

bool Maps(pid_t pid, const std::string& part) {
  return ReadFile("/proc/" + std::to_string(pid) + "/maps").find(part) != std::string::npos;
}

double CpuSecondsOf(pid_t pid) {
  const auto fields = StatFieldsOf(pid);
  if (fields.size() < 15) return 0;
  return (std::stod(fields[13]) + std::stod(fields[14])) /
         static_cast<double>(sysconf(_SC_CLK_TCK));
}

double RssMibOf(pid_t pid) {
  const auto fields = StatFieldsOf(pid);
  if (fields.size() < 24) return 0;
  return std::stod(fields[23]) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace stillhouse::testing_support
