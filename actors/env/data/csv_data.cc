#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "actors/env/data/csv_file.h"
#include "actors/env/data/data_file.h"
#include "actors/env/data/data_set.h"
#include "actors/env/data/splits.h"
#include "common/base/error.h"

namespace stillhouse::actors {
namespace {

constexpr std::string_view kRewardPrefix = "reward:";
constexpr std::size_t kMaxClasses = 65536;

/// What the columns of a table are for.
struct Columns {
  std::vector<std::size_t> features;
  std::vector<std::size_t> rewards;  ///< of the actions; empty: there is a label
  std::size_t label = 0;
  std::vector<std::string> names;  ///< [A]
};

float Number(const CsvTable& table, std::size_t row, std::size_t column, const std::string& name) {
  const std::string& text = table.rows[row][column];
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw ConfigError(fmt::format("{}: row {} of column '{}': found '{}', expected a number", name,
                                  row + 1, table.header[column], text.substr(0, 60)));
  }
  return value;
}

/// Whole numbers by value, then everything else by its bytes.
bool ClassBefore(const std::string& a, const std::string& b) {
  const auto whole = [](const std::string& text) {
    return !text.empty() && text.size() < 10 &&
           text.find_first_not_of("0123456789") == std::string::npos;
  };
  if (whole(a) != whole(b)) return whole(a);
  if (whole(a) && std::stoul(a) != std::stoul(b)) return std::stoul(a) < std::stoul(b);
  return a < b;
}

Columns FindColumns(const CsvTable& table, const std::string& label, const std::string& name) {
  Columns columns;
  bool labelled = false;
  for (std::size_t c = 0; c < table.header.size(); ++c) {
    if (table.header[c].starts_with(kRewardPrefix)) {
      columns.rewards.push_back(c);
      columns.names.push_back(table.header[c].substr(kRewardPrefix.size()));
    } else if (table.header[c] == label) {
      labelled = true;
      columns.label = c;
    } else {
      columns.features.push_back(c);
    }
  }
  if (labelled != columns.rewards.empty()) {
    throw ConfigError(
        fmt::format("{}: needs either the column '{}' (env.options.label), which is "
                    "to be told, or columns {}ACTION with what each action pays",
                    name, label, kRewardPrefix));
  }
  if (columns.features.empty())
    throw ConfigError(fmt::format("{}: no column to tell it from", name));
  if (!labelled) return columns;
  std::set<std::string> classes;
  for (const auto& row : table.rows) {
    classes.insert(row[columns.label]);
    if (classes.size() > kMaxClasses) {
      throw ConfigError(
          fmt::format("{}: column '{}' has more than {} classes", name, label, kMaxClasses));
    }
  }
  columns.names.assign(classes.begin(), classes.end());
  std::sort(columns.names.begin(), columns.names.end(), ClassBefore);
  return columns;
}

/// Mean and standard deviation of the training split's features; a constant one is left as it is.
struct Standard {
  std::vector<double> mean, deviation;  ///< [features]
};

std::vector<float> Features(const CsvTable& table, const Columns& columns,
                            const std::string& name) {
  std::vector<float> values;
  values.reserve(table.rows.size() * columns.features.size());
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    for (const std::size_t c : columns.features) values.push_back(Number(table, r, c, name));
  }
  return values;
}

Standard Measure(const std::vector<float>& values, std::size_t features) {
  Standard standard{std::vector<double>(features), std::vector<double>(features)};
  const double rows = static_cast<double>(values.size() / features);
  for (std::size_t i = 0; i < values.size(); ++i) {
    standard.mean[i % features] += static_cast<double>(values[i]) / rows;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double off = static_cast<double>(values[i]) - standard.mean[i % features];
    standard.deviation[i % features] += off * off / rows;
  }
  for (double& deviation : standard.deviation) {
    deviation = deviation > 0 ? std::sqrt(deviation) : 1.0;
  }
  return standard;
}

Examples MakeExamples(const CsvTable& table, const Columns& columns, const Standard& standard,
                      const std::vector<float>& features, const std::string& name) {
  Examples examples;
  const std::size_t count = columns.features.size();
  std::vector<float> scaled(features.size());
  for (std::size_t i = 0; i < features.size(); ++i) {
    scaled[i] = static_cast<float>((static_cast<double>(features[i]) - standard.mean[i % count]) /
                                   standard.deviation[i % count]);
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(scaled.data());
  examples.observations.assign(bytes, bytes + scaled.size() * sizeof(float));
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    if (columns.rewards.empty()) {
      const std::string& label = table.rows[r][columns.label];
      const auto known = std::find(columns.names.begin(), columns.names.end(), label);
      if (known == columns.names.end()) {
        throw ConfigError(fmt::format("{}: row {}: class '{}' is none of the training file's", name,
                                      r + 1, label.substr(0, 60)));
      }
      examples.labels.push_back(static_cast<std::int32_t>(known - columns.names.begin()));
      continue;
    }
    std::vector<float> rewards;
    for (const std::size_t c : columns.rewards) rewards.push_back(Number(table, r, c, name));
    const auto best = std::max_element(rewards.begin(), rewards.end());
    examples.labels.push_back(static_cast<std::int32_t>(best - rewards.begin()));
    examples.rewards.insert(examples.rewards.end(), rewards.begin(), rewards.end());
  }
  return examples;
}

}  // namespace

std::shared_ptr<const DataSet> LoadCsv(const DataSettings& settings) {
  CsvTable train = ParseCsv(TextOf(ReadDataFile(settings.train, "train")), settings.train);
  const Columns columns = FindColumns(train, settings.label, settings.train);
  if (train.rows.empty()) throw ConfigError(fmt::format("{}: no examples", settings.train));
  CsvTable test{train.header, {}};
  if (settings.test.empty()) test.rows = HoldOut(train.rows, settings.held_out);
  const auto features = Features(train, columns, settings.train);
  const Standard standard = Measure(features, columns.features.size());
  DataSet set;
  set.train = MakeExamples(train, columns, standard, features, settings.train);
  if (!settings.test.empty()) {
    test = ParseCsv(TextOf(ReadDataFile(settings.test, "test")), settings.test);
    if (test.header != train.header) {
      throw ConfigError(
          fmt::format("{}: its columns are not those of {}", settings.test, settings.train));
    }
  }
  const std::string& of_test = settings.test.empty() ? settings.train : settings.test;
  set.test = MakeExamples(test, columns, standard, Features(test, columns, of_test), of_test);
  const auto width = static_cast<std::int64_t>(columns.features.size());
  set.spec = DataSpec("data/csv", {ElementKind::kFloats, {width}}, columns.names);
  return FinishSplits(std::move(set), settings);
}

}  // namespace stillhouse::actors
