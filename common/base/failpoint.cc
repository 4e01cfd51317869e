#include "common/base/failpoint.h"

#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

namespace stillhouse {
namespace {

using Kind = FailpointAction::Kind;

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::optional<FailpointAction> ParseAction(std::string_view text) {
  if (text == "kill") return FailpointAction{Kind::kKill, 0};
  if (text == "error:ENOSPC") return FailpointAction{Kind::kError, ENOSPC};
  if (text == "error:EIO") return FailpointAction{Kind::kError, EIO};
  if (text == "error:EDQUOT") return FailpointAction{Kind::kError, EDQUOT};
  if (text == "error:ECONNRESET") return FailpointAction{Kind::kError, ECONNRESET};
  constexpr std::string_view kDelay = "delay:";
  if (!text.starts_with(kDelay)) return std::nullopt;
  const auto ms = Number(text.substr(kDelay.size()));
  if (!ms || *ms > 60000) return std::nullopt;
  return FailpointAction{Kind::kDelay, static_cast<int>(*ms)};
}

}  // namespace

Failpoints::Failpoints(std::string_view specification) {
  while (!specification.empty()) {
    const auto end = specification.find(';');
    if (const auto entry = specification.substr(0, end); !entry.empty()) Add(entry);
    if (end == std::string_view::npos) break;
    specification.remove_prefix(end + 1);
  }
}

void Failpoints::Add(std::string_view text) {
  const auto equals = text.find('=');
  const auto at = text.rfind('@');
  std::optional<FailpointAction> action;
  Rule rule;
  std::optional<std::uint64_t> count;
  if (equals != std::string_view::npos && equals > 0 && at != std::string_view::npos &&
      at > equals) {
    action = ParseAction(text.substr(equals + 1, at - equals - 1));
    auto when = text.substr(at + 1);
    if (when.starts_with('%')) {
      rule.when = When::kEvery;
      when.remove_prefix(1);
    } else if (when.ends_with('+')) {
      rule.when = When::kFrom;
      when.remove_suffix(1);
    }
    count = Number(when);
  }
  if (!action || !count || *count == 0) {
    throw ConfigError(fmt::format(
        "failpoint '{}': expected NAME=ACTION@WHEN, such as segment.append=kill@17", text));
  }
  rule.action = *action;
  rule.action.once = rule.when == When::kOnce;
  rule.count = *count;
  points_[std::string(text.substr(0, equals))].rules.push_back(rule);
}

FailpointAction Failpoints::OnHit(std::string_view name) {
  const auto found = points_.find(name);
  if (found == points_.end()) return {};
  const std::uint64_t hit = ++found->second.hits;
  for (const Rule& rule : found->second.rules) {
    const bool due = rule.when == When::kOnce   ? hit == rule.count
                     : rule.when == When::kFrom ? hit >= rule.count
                                                : hit % rule.count == 0;
    if (due) return rule.action;
  }
  return {};
}

#ifdef STILLHOUSE_FAILPOINTS

namespace {

/// One a process, in test builds alone: a failpoint may stand where nothing can be handed in.
struct ProcessFailpoints {
  std::mutex mutex;
  Failpoints points{[] {
    const char* const text = std::getenv("STILLHOUSE_FAILPOINTS");
    return std::string_view(text == nullptr ? "" : text);
  }()};
};

ProcessFailpoints& OfThisProcess() {
  static ProcessFailpoints instance;
  return instance;
}

/// False: another process of the job was struck before.
bool Claim(const char* name) {
  const char* const log = std::getenv("STILLHOUSE_FAILPOINTS_LOG");
  if (log == nullptr) return true;
  const std::string path = fmt::format("{}.{}", log, name);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file >= 0) ::close(file);
  return file >= 0;
}

void Note(const char* name, FailpointAction action) {
  const char* const path = std::getenv("STILLHOUSE_FAILPOINTS_LOG");
  if (path == nullptr) return;
  const int file = ::open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (file < 0) return;
  constexpr const char* kNames[] = {"nothing", "kill", "error", "delay"};
  const std::string line =
      fmt::format("{} {} {} pid {}\n", name, kNames[static_cast<std::size_t>(action.kind)],
                  action.value, static_cast<int>(::getpid()));
  [[maybe_unused]] const auto written = ::write(file, line.data(), line.size());
  ::close(file);
}

}  // namespace

FailpointAction DueFailpoint(const char* name) {
  ProcessFailpoints& process = OfThisProcess();
  FailpointAction action;
  {
    const std::lock_guard lock(process.mutex);
    action = process.points.OnHit(name);
  }
  if (action.kind == Kind::kNothing || (action.once && !Claim(name))) return {};
  Note(name, action);
  return action;
}

int PerformFailpoint(FailpointAction action) {
  switch (action.kind) {
    case Kind::kNothing:
      return 0;
    case Kind::kKill:
      ::kill(::getpid(), SIGKILL);
      ::pause();
      return 0;
    case Kind::kError:
      return action.value;
    case Kind::kDelay:
      std::this_thread::sleep_for(std::chrono::milliseconds(action.value));
      return 0;
  }
  return 0;
}

#endif

}  // namespace stillhouse
