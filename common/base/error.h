#pragma once

#include <stdexcept>
#include <string>

#include <fmt/format.h>

namespace stillhouse {

/// What the world can do to us. Every message says what, where, what was expected and what was
/// found. Only `main` catches the base; the type chooses the exit status.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Bad usage, configuration or input: nothing was started (exit 2).
class ConfigError : public Error {
 public:
  using Error::Error;
};
/// Bytes from outside break the rules of their format.
class WireError : public Error {
 public:
  using Error::Error;
};
/// A file or directory cannot be read or written as promised.
class StorageError : public Error {
 public:
  using Error::Error;
};
/// A peer or the message layer failed.
class CommError : public Error {
 public:
  using Error::Error;
};
/// Sizes of tensors or parameter blocks do not fit together.
class ShapeError : public Error {
 public:
  using Error::Error;
};
/// A loss or parameter stopped being finite.
class NumericError : public Error {
 public:
  using Error::Error;
};

/// Ends the process with file, line and text on standard error. For bugs of ours alone.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition,
                              const std::string& message);

}  // namespace stillhouse

/// A condition that only a bug can break, checked in release builds too.
/// SH_CHECK(head < size, "head {} size {}", head, size)
#define SH_CHECK(condition, ...)                                                              \
  do {                                                                                        \
    if (!(condition)) [[unlikely]] {                                                          \
      ::stillhouse::CheckFailed(__FILE__, __LINE__, #condition, fmt::format("" __VA_ARGS__)); \
    }                                                                                         \
  } while (false)
