#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "common/base/error.h"

namespace stillhouse {

/// A CSV file of the conformance data: `# key=value` lines, a line of column names, rows.
struct TraceCsv {
  std::string name;                           ///< file name
  std::map<std::string, std::string> header;  ///< from the lines that have a key
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  ///< as many fields as columns

  /// Throws StorageError (no such file) or WireError (a row or key is missing).
  static TraceCsv Read(const std::filesystem::path& path);
  const std::string& Header(const std::string& key) const;
};

/// Correctly rounded; throws WireError when `text` is not one number.
inline double ParseNumber(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') throw WireError("'" + text + "' is not a number");
  return value;
}

inline int ParseInt(const std::string& text) { return static_cast<int>(ParseNumber(text)); }

inline std::vector<std::string> SplitFields(const std::string& line) {
  std::vector<std::string> fields;
  std::size_t begin = 0;
  while (true) {
    const std::size_t comma = line.find(',', begin);
    fields.push_back(line.substr(begin, comma - begin));
    if (comma == std::string::npos) return fields;
    begin = comma + 1;
  }
}

inline TraceCsv TraceCsv::Read(const std::filesystem::path& path) {
  std::ifstream in(path);
  if (!in) throw StorageError(path.string() + ": cannot be read");
  TraceCsv csv;
  csv.name = path.filename().string();
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    if (line.starts_with("#")) {
      const std::size_t equals = line.find('=');
      const std::size_t key = line.find_first_not_of("# ");
      if (equals != std::string::npos && key != std::string::npos) {
        csv.header[line.substr(key, equals - key)] = line.substr(equals + 1);
      }
    } else if (csv.columns.empty()) {
      csv.columns = SplitFields(line);
    } else {
      csv.rows.push_back(SplitFields(line));
      if (csv.rows.back().size() != csv.columns.size()) {
        throw WireError(csv.name + ": row '" + line + "' does not fit the columns");
      }
    }
  }
  return csv;
}

inline const std::string& TraceCsv::Header(const std::string& key) const {
  const auto found = header.find(key);
  if (found == header.end()) throw WireError(name + ": header has no " + key);
  return found->second;
}

}  // namespace stillhouse
