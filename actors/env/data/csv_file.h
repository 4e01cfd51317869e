#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stillhouse::actors {

/// A table with a header, as its file has it.
struct CsvTable {
  std::vector<std::string> header;             ///< [columns], each once, none empty
  std::vector<std::vector<std::string>> rows;  ///< [n][columns]
};

/// Reads comma-separated values (RFC 4180: fields may stand in double quotes, which are doubled
/// within; lines end with LF or CR LF). Throws ConfigError, naming the line, when a row has another
/// number of fields than the header, a quote is not closed or stands in the middle of a field, or a
/// name is empty or there twice; and when there are more than 4096 columns.
CsvTable ParseCsv(std::string_view file, const std::string& name);

}  // namespace stillhouse::actors
