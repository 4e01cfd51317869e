#include "actors/env/data/data_file.h"

#include <filesystem>
#include <fstream>

#include "common/base/error.h"

namespace stillhouse::actors {

namespace {
constexpr std::uintmax_t kMaxBytes = std::uintmax_t{2} << 30U;
}

std::vector<std::uint8_t> ReadDataFile(const std::string& path, std::string_view option) {
  if (path.empty()) throw ConfigError(fmt::format("env.options.{}: names no file", option));
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw ConfigError(fmt::format("env.options.{}: {}: no such file", option, path));
  }
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error || size > kMaxBytes) {
    throw ConfigError(
        fmt::format("env.options.{}: {}: must have at most {} bytes", option, path, kMaxBytes));
  }
  std::vector<std::uint8_t> bytes(size);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file) throw ConfigError(fmt::format("env.options.{}: {}: cannot be read", option, path));
  return bytes;
}

}  // namespace stillhouse::actors
