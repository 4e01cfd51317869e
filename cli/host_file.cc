#include "cli/host_file.h"

#include <charconv>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "common/base/error.h"

namespace stillhouse::cli {
namespace {

struct HostLine {
  std::string name;  ///< empty: nothing stood there
  std::int32_t slots = 1;
};

HostLine ParseLine(const std::string& text, const std::string& where) {
  std::istringstream words(text.substr(0, text.find('#')));
  HostLine line;
  words >> line.name;
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    const std::string key = word.substr(0, equals);
    std::int32_t number = 0;
    const char* const end = word.data() + word.size();
    const char* const begin = equals == std::string::npos ? end : word.data() + equals + 1;
    const auto [stop, error] = std::from_chars(begin, end, number);
    const bool known = key == "slots" || key == "max_slots" || key == "max-slots";
    if (!known || error != std::errc() || stop != end || number < 1 || number > 1'000'000) {
      throw ConfigError(
          fmt::format("{}: found '{}', expected slots=N or max_slots=N", where, word));
    }
    if (key == "slots") line.slots = number;
  }
  return line;
}

}  // namespace

std::vector<std::string> HostsOfRanks(const std::string& path, std::int32_t ranks) {
  std::ifstream file(path);
  if (!file) throw ConfigError(fmt::format("--hosts {}: cannot be read", path));
  return ParseHosts(file, path, ranks);
}

std::vector<std::string> ParseHosts(std::istream& file, const std::string& path,
                                    std::int32_t ranks) {
  std::vector<std::string> hosts;
  std::int64_t slots = 0;
  int number = 0;
  for (std::string text; std::getline(file, text);) {
    const HostLine line = ParseLine(text, fmt::format("{}:{}", path, ++number));
    if (line.name.empty()) continue;
    slots += line.slots;
    for (std::int32_t i = 0; i < line.slots && static_cast<std::int32_t>(hosts.size()) < ranks;
         ++i) {
      hosts.push_back(line.name);
    }
  }
  if (slots < ranks) {
    throw ConfigError(fmt::format("--hosts {}: {} slot{} for {} ranks", path, slots,
                                  slots == 1 ? "" : "s", ranks));
  }
  return hosts;
}

}  // namespace stillhouse::cli
