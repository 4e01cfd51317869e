#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace stillhouse {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError, kFatal };

struct LogOptions {
  LogLevel level = LogLevel::kInfo;  ///< less important lines are dropped
  std::string prefix = {};           ///< who speaks: "rank 3 shard 1"
  std::string file = {};             ///< also appended to this file; empty: none
  bool to_stderr = true;
};

/// What a process says to people, one line a message:
/// `12:34:56.789 W [rank 3 shard 1] text`. A value that its owner passes by reference; there is
/// no global one. Thread-safe; a line is never torn. Lines are flushed from kWarning on.
class Log {
 public:
  /// Throws StorageError when the file cannot be opened.
  explicit Log(const LogOptions& options);
  ~Log();
  Log(Log&&) noexcept;
  Log& operator=(Log&&) noexcept;

  template <typename... Args>
  void Debug(fmt::format_string<Args...> format, Args&&... args) const {
    Format(LogLevel::kDebug, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void Info(fmt::format_string<Args...> format, Args&&... args) const {
    Format(LogLevel::kInfo, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void Warning(fmt::format_string<Args...> format, Args&&... args) const {
    Format(LogLevel::kWarning, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void Error(fmt::format_string<Args...> format, Args&&... args) const {
    Format(LogLevel::kError, format, std::forward<Args>(args)...);
  }
  /// The last line of a process that ends in failure; ending it is the caller's part.
  template <typename... Args>
  void Fatal(fmt::format_string<Args...> format, Args&&... args) const {
    Format(LogLevel::kFatal, format, std::forward<Args>(args)...);
  }

  bool Shows(LogLevel level) const { return level >= level_; }
  /// The text as it is, newlines included; used by the functions above.
  void Write(LogLevel level, std::string_view text) const;
  void Flush() const;

 private:
  template <typename... Args>
  void Format(LogLevel level, fmt::format_string<Args...> format, Args&&... args) const {
    if (Shows(level)) Write(level, fmt::format(format, std::forward<Args>(args)...));
  }

  struct Sinks;
  LogLevel level_;
  std::unique_ptr<Sinks> sinks_;
};

}  // namespace stillhouse
