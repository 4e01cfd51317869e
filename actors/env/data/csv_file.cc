// file = line*; line = field (',' field)* (LF | CR LF); field = plain | '"' (byte | '""')* '"'
#include "actors/env/data/csv_file.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/base/error.h"

namespace stillhouse::actors {
namespace {

constexpr std::size_t kMaxColumns = 4096;

class CsvReader {
 public:
  CsvReader(std::string_view file, const std::string& name) : file_(file), name_(name) {}

  bool AtEnd() const { return at_ == file_.size(); }
  std::size_t Line() const { return line_; }

  std::vector<std::string> ReadLine() {
    std::vector<std::string> fields;
    do {
      if (fields.size() == kMaxColumns) Fail(fmt::format("more than {} columns", kMaxColumns));
      fields.push_back(Peek() == '"' ? Quoted() : Plain());
    } while (Take(','));
    Take('\r');
    if (!Take('\n') && !AtEnd()) Fail("expected a comma or the end of the line after a field");
    ++line_;
    return fields;
  }

  [[noreturn]] void Fail(const std::string& why) const {
    throw ConfigError(fmt::format("{}:{}: {}", name_, line_, why));
  }

 private:
  char Peek() const { return AtEnd() ? '\0' : file_[at_]; }
  bool Take(char c) {
    if (AtEnd() || file_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string Plain() {
    const std::size_t end = std::min(file_.find_first_of(",\r\n", at_), file_.size());
    std::string field(file_.substr(at_, end - at_));
    if (field.find('"') != std::string::npos) Fail("a quote within a field that begins without");
    at_ = end;
    return field;
  }
  std::string Quoted() {
    std::string field;
    for (++at_; !AtEnd(); ++at_) {
      if (file_[at_] != '"') {
        field += file_[at_];
        continue;
      }
      ++at_;
      if (Peek() != '"' || AtEnd()) return field;
      field += '"';
    }
    Fail("a quote that is not closed");
  }

  const std::string_view file_;
  const std::string& name_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

CsvTable ParseCsv(std::string_view file, const std::string& name) {
  CsvReader reader(file, name);
  if (reader.AtEnd()) reader.Fail("empty; expected a header");
  CsvTable table;
  table.header = reader.ReadLine();
  std::set<std::string> seen;
  for (const std::string& column : table.header) {
    if (column.empty() || !seen.insert(column).second) {
      throw ConfigError(fmt::format("{}:1: column '{}': every column needs a name of its own", name,
                                    column.substr(0, 60)));
    }
  }
  while (!reader.AtEnd()) {
    const std::size_t line = reader.Line();
    auto fields = reader.ReadLine();
    if (fields.size() != table.header.size()) {
      throw ConfigError(fmt::format("{}:{}: {} fields, the header has {}", name, line,
                                    fields.size(), table.header.size()));
    }
    table.rows.push_back(std::move(fields));
  }
  return table;
}

}  // namespace stillhouse::actors
