#include "common/run/run_directory.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <utility>

#include <fcntl.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/run/atomic_file.h"
#include "common/telemetry/process_stats.h"

namespace stillhouse {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kLockFile = "lock";
constexpr const char* kStatusFile = "status.json";
constexpr const char* kTokenFile = "token";
constexpr std::size_t kMostTokenBytes = 4096;
constexpr std::size_t kMostJsonBytes = std::size_t{1} << 20U;
constexpr const char* kEndpointsFile = "endpoints.json";
constexpr const char* kConfigFile = "config.yaml";
/// Blocks to give back when the disk is full, so that the last status can still be written.
constexpr const char* kReserveFile = ".reserve";
constexpr std::size_t kReserveBytes = 32768;

double UnixSeconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string RandomToken() {
  std::uint8_t bytes[16];
  if (::getrandom(bytes, sizeof(bytes), 0) != static_cast<ssize_t>(sizeof(bytes))) {
    throw StorageError(
        fmt::format("no random bytes for the run's token: {}", std::strerror(errno)));
  }
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

void CreateDirectories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    throw StorageError(fmt::format("{}: cannot create: {}", path.string(), error.message()));
  }
}

/// Takes the lock of `directory`; the descriptor holds it. Throws ConfigError when another job
/// does. The kernel lets go of it when the process ends, however it ends.
int TakeLock(const fs::path& directory) {
  const fs::path file = directory / kLockFile;
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kModeShared);
  if (descriptor < 0) {
    throw StorageError(fmt::format("{}: cannot open: {}", file.string(), std::strerror(errno)));
  }
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return descriptor;
  const int error = errno;
  ::close(descriptor);
  if (error == EWOULDBLOCK) {
    throw ConfigError(fmt::format(
        "{}: another job is using this run directory; give run.name or --run-dir another value",
        directory.string()));
  }
  throw StorageError(fmt::format("{}: cannot lock: {}", file.string(), std::strerror(error)));
}

void WriteReserve(const fs::path& file) { ReplaceFile(file, std::string(kReserveBytes, '\n')); }

/// The earlier run in `path` goes to the first free `<path>.<n>`.
fs::path MoveAside(const fs::path& path) {
  for (int n = 1;; ++n) {
    const fs::path target = fmt::format("{}.{}", path.string(), n);
    std::error_code error;
    if (fs::exists(fs::symlink_status(target, error))) continue;
    fs::rename(path, target, error);
    if (!error) return target;
    throw StorageError(fmt::format("{}: holds an earlier run and cannot be moved aside to {}: {}",
                                   path.string(), target.string(), error.message()));
  }
}

enum class Contents { kNothing, kRun, kOther };

Contents Look(const fs::path& path) {
  std::error_code error;
  if (fs::is_empty(path, error)) return Contents::kNothing;
  if (error) {
    throw StorageError(fmt::format("{}: cannot read: {}", path.string(), error.message()));
  }
  const bool run = fs::exists(path / kStatusFile, error) || fs::exists(path / kLockFile, error);
  return run ? Contents::kRun : Contents::kOther;
}

/// "runs/breakout/" is "runs/breakout".
fs::path WithoutTrailingSlash(const fs::path& path) {
  return path.has_filename() || !path.has_relative_path() ? path : path.parent_path();
}

/// What is deeper was not written by us, and walking it would cost stack.
bool NotTooDeep(int depth, Json::parse_event_t, const Json&) { return depth <= 16; }

std::string ReadToken(const fs::path& run_dir) {
  std::string token = ReadFile(run_dir / kTokenFile, kMostTokenBytes);
  while (!token.empty() && token.back() == '\n') token.pop_back();
  return token;
}

}  // namespace

std::optional<RunStatusFile> ReadRunStatus(const fs::path& run_dir) {
  std::error_code error;
  if (!fs::exists(run_dir / kStatusFile, error)) return std::nullopt;
  return ParseRunStatus(ReadFile(run_dir / kStatusFile, kMostJsonBytes));
}

std::optional<RunStatusFile> ParseRunStatus(std::string_view text) {
  const Json json = Json::parse(text, NotTooDeep, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("status") || !json["status"].is_string()) {
    return std::nullopt;
  }
  RunStatusFile file{json["status"].get<std::string>(), 1};
  if (json.contains("attempt") && json["attempt"].is_number_unsigned()) {
    const auto attempt = json["attempt"].get<std::uint64_t>();
    // A number that no run ever reaches is no attempt's.
    if (attempt < std::numeric_limits<std::uint32_t>::max()) {
      file.attempt = static_cast<std::uint32_t>(attempt);
    }
  }
  return file;
}

const char* RunStateName(RunState state) {
  static constexpr const char* kNames[] = {"running", "done", "failed", "preempted"};
  return kNames[static_cast<std::size_t>(state)];
}

RunDirectory RunDirectory::Create(const fs::path& given_path, const std::string& token) {
  RunDirectory run;
  run.path_ = WithoutTrailingSlash(given_path);
  std::error_code error;
  const auto kind = fs::status(run.path_, error).type();
  if (kind == fs::file_type::directory) {
    const Contents contents = Look(run.path_);
    if (contents == Contents::kOther) {
      throw ConfigError(
          fmt::format("{}: holds files that are not a run's; give run.name or "
                      "--run-dir another value",
                      run.path_.string()));
    }
    if (contents == Contents::kRun) {
      const int old_lock = TakeLock(run.path_);
      try {
        run.moved_aside_ = MoveAside(run.path_);
      } catch (const StorageError&) {
        ::close(old_lock);
        throw;
      }
      ::close(old_lock);
    }
  } else if (kind != fs::file_type::not_found && kind != fs::file_type::none) {
    throw ConfigError(fmt::format("{}: is there and is no directory", run.path_.string()));
  }
  run.created_ = true;
  try {
    CreateDirectories(run.path_);
    run.lock_ = TakeLock(run.path_);
    WriteReserve(run.path_ / kReserveFile);
    run.token_was_chosen_ = !token.empty();
    run.token_ = token.empty() ? RandomToken() : token;
    ReplaceFile(run.path_ / kTokenFile, run.token_ + "\n", kModeSecret);
    run.WriteStatus(RunState::kRunning, "starting", std::nullopt);
  } catch (const StorageError&) {
    run.Undo();
    throw;
  }
  return run;
}

void RunDirectory::Undo() noexcept {
  if (!created_) return;
  created_ = false;
  std::error_code ignored;  // we are on the way out of an error that says more
  for (const char* file : {kTokenFile, kStatusFile, kReserveFile, kConfigFile, kLockFile}) {
    fs::remove(path_ / file, ignored);
  }
  fs::remove(path_, ignored);  // only when it is empty
  if (moved_aside_) fs::rename(*moved_aside_, path_, ignored);
  moved_aside_.reset();
}

RunDirectory RunDirectory::Resume(const fs::path& given_path, const std::string& token) {
  RunDirectory run;
  run.path_ = WithoutTrailingSlash(given_path);
  std::error_code error;
  if (!fs::is_directory(run.path_, error) || Look(run.path_) != Contents::kRun) {
    throw ConfigError(fmt::format("{}: holds no run to resume", run.path_.string()));
  }
  run.lock_ = TakeLock(run.path_);
  if (const auto status = ReadRunStatus(run.path_)) run.attempt_ = status->attempt + 1;
  run.token_was_chosen_ = !token.empty();
  run.token_ = token;
  if (token.empty() && fs::exists(run.path_ / kTokenFile, error)) {
    run.token_ = ReadToken(run.path_);
  }
  if (run.token_.empty()) run.token_ = RandomToken();
  ReplaceFile(run.path_ / kTokenFile, run.token_ + "\n", kModeSecret);
  fs::remove(run.path_ / kEndpointsFile, error);  // of the earlier attempt's shards
  WriteReserve(run.path_ / kReserveFile);
  run.WriteStatus(RunState::kRunning, "starting", std::nullopt);
  return run;
}

RunDirectory::RunDirectory(RunDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      token_(std::move(other.token_)),
      token_was_chosen_(other.token_was_chosen_),
      attempt_(other.attempt_),
      created_(std::exchange(other.created_, false)),
      moved_aside_(std::move(other.moved_aside_)),
      lock_(std::exchange(other.lock_, -1)) {}

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) ::close(lock_);
}

void RunDirectory::WriteConfig(std::string_view yaml) const {
  ReplaceFile(path_ / kConfigFile, yaml, token_was_chosen_ ? kModeSecret : kModeShared);
}

void RunDirectory::WriteStatus(RunState state, std::string_view reason,
                               std::optional<int> exit_status) const {
  WriteRunStatus(path_, attempt_, state, reason, exit_status);
}

void WriteRunStatus(const fs::path& run_dir, std::uint32_t attempt, RunState state,
                    std::string_view reason, std::optional<int> exit_status) {
  Json json{{"status", RunStateName(state)},
            {"reason", std::string(reason)},
            {"exit_status", nullptr},
            {"attempt", attempt},
            {"time", UnixSeconds()},
            {"host", HostName()},
            {"pid", ProcessId()}};
  if (exit_status) json["exit_status"] = *exit_status;
  const std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  std::error_code ignored;
  try {
    ReplaceFile(run_dir / kStatusFile, text);
  } catch (const StorageError&) {
    // A full disk, most likely: what the reserve held is enough for this one file.
    if (!fs::remove(run_dir / kReserveFile, ignored)) throw;
    ReplaceFile(run_dir / kStatusFile, text);
  }
  if (exit_status) fs::remove(run_dir / kReserveFile, ignored);
}

void RunDirectory::WriteEndpoints(const std::vector<std::string>& shards) const {
  ReplaceFile(path_ / kEndpointsFile, Json{{"shards", shards}}.dump(2) + "\n");
}

void RunDirectory::AppendProgress(const ProgressRecord& record) const {
  AppendLine(path_ / "progress.jsonl", ProgressJson(record));
  AppendLine(path_ / "progress.log", ProgressLine(record));
}

void RunDirectory::AppendNote(std::string_view line) const {
  AppendLine(path_ / "progress.log", line);
}

void RunDirectory::WriteScoreboard(const Scoreboard& board) const {
  const std::string json = ScoreboardJson(board);
  ReplaceFile(path_ / "scoreboard.json", json + "\n");
  AppendLine(path_ / "scoreboard.jsonl", json);
}

fs::path RunDirectory::WriteModel(const std::string& name,
                                  std::span<const std::uint8_t> bytes) const {
  const bool plain = !name.empty() && name.find('/') == std::string::npos && name[0] != '.';
  if (!plain) throw StorageError(fmt::format("model name '{}' cannot be a file's name", name));
  CreateDirectories(path_ / "models");
  const fs::path file = path_ / "models" / (name + ".native");
  ReplaceFile(file, bytes);
  return file;
}

RunEndpoints ReadRunEndpoints(const fs::path& run_dir) {
  const fs::path file = run_dir / kEndpointsFile;
  RunEndpoints endpoints;
  endpoints.shards = ParseEndpoints(ReadFile(file, kMostJsonBytes), file.string());
  endpoints.token = ReadToken(run_dir);
  if (endpoints.token.empty()) {
    throw WireError(fmt::format("{}: empty", (run_dir / kTokenFile).string()));
  }
  return endpoints;
}

std::vector<std::string> ParseEndpoints(std::string_view text, const std::string& where) {
  const Json json = Json::parse(text, NotTooDeep, /*allow_exceptions=*/false);
  const auto fits = [](const Json& shards) {
    return shards.is_array() && !shards.empty() &&
           std::all_of(shards.begin(), shards.end(),
                       [](const Json& shard) { return shard.is_string(); });
  };
  if (!json.is_object() || !json.contains("shards") || !fits(json["shards"])) {
    throw WireError(fmt::format("{}: no list of shard addresses", where));
  }
  std::vector<std::string> shards;
  for (const auto& shard : json["shards"]) shards.push_back(shard.get<std::string>());
  return shards;
}

}  // namespace stillhouse
