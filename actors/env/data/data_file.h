#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stillhouse::actors {

/// The bytes of a file of a data set. Throws ConfigError when it is missing, no plain file or above
/// 2 GiB; `option` is the option that names it, for the message.
std::vector<std::uint8_t> ReadDataFile(const std::string& path, std::string_view option);

inline std::string_view TextOf(const std::vector<std::uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace stillhouse::actors
