#include "common/telemetry/log.h"

#include <utility>

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kFatal:
      return spdlog::level::critical;
  }
  return spdlog::level::critical;
}

const char* LevelMark(LogLevel level) {
  static constexpr const char* kMarks[] = {"D", "I", "W", "E", "FATAL"};
  return kMarks[static_cast<std::size_t>(level)];
}

}  // namespace

struct Log::Sinks {
  spdlog::logger logger;
  std::string prefix;  ///< " [rank 3 shard 1] " or " "
};

// A logger of our own, never registered: spdlog's registry would be global state.
Log::Log(const LogOptions& options) : level_(options.level) {
  std::vector<spdlog::sink_ptr> sinks;
  if (options.to_stderr) sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  if (!options.file.empty()) {
    try {
      sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file));
    } catch (const spdlog::spdlog_ex& error) {
      throw StorageError(fmt::format("log file {}: {}", options.file, error.what()));
    }
  }
  sinks_ = std::make_unique<Sinks>(
      Sinks{spdlog::logger("stillhouse", sinks.begin(), sinks.end()),
            options.prefix.empty() ? " " : fmt::format(" [{}] ", options.prefix)});
  sinks_->logger.set_pattern("%H:%M:%S.%e %v");
  sinks_->logger.set_level(ToSpdlog(options.level));
  sinks_->logger.flush_on(spdlog::level::warn);
}

Log::~Log() = default;
Log::Log(Log&&) noexcept = default;
Log& Log::operator=(Log&&) noexcept = default;

void Log::Write(LogLevel level, std::string_view text) const {
  if (!Shows(level)) return;
  const auto line = fmt::format("{}{}{}", LevelMark(level), sinks_->prefix, text);
  sinks_->logger.log(ToSpdlog(level), spdlog::string_view_t(line));
}

void Log::Flush() const { sinks_->logger.flush(); }

}  // namespace stillhouse
