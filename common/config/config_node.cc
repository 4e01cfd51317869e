#include "common/config/config_node.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

constexpr std::size_t kMaxErrors = 1000;

std::string Lower(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

/// Optimal string alignment distance.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0U : 1U;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = above;
    above = row;
  }
  return above[b.size()];
}

}  // namespace

const ConfigNode::Entry* ConfigNode::Find(std::string_view key) const {
  const auto found = std::find_if(entries.rbegin(), entries.rend(),
                                  [&](const Entry& entry) { return entry.key == key; });
  return found == entries.rend() ? nullptr : &*found;
}

ConfigNode::Entry* ConfigNode::Find(std::string_view key) {
  return const_cast<Entry*>(static_cast<const ConfigNode*>(this)->Find(key));
}

std::string ConfigNode::Describe() const {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kScalar:
      if (text.size() > 60) return fmt::format("'{}…'", text.substr(0, 60));
      return fmt::format("'{}'{}", text, quoted ? " in quotes" : "");
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
  }
  return "nothing";
}

void ConfigErrors::Add(const ConfigPlace& place, std::string_view path, std::string_view message) {
  std::string line;
  if (!place.override.empty()) {
    line = fmt::format("--set {}: ", place.override);
    const std::string key = place.override.substr(0, place.override.find('='));
    if (key != path) line += fmt::format("{}: ", path);
  } else {
    line = place.line > 0 ? fmt::format("{}:{}: ", place.file, place.line)
                          : fmt::format("{}: ", place.file);
    if (!path.empty()) line += fmt::format("{}: ", path);
  }
  AddLine(line.append(message));
}

void ConfigErrors::AddLine(std::string line) {
  if (lines_.size() >= kMaxErrors) return;
  if (std::find(lines_.begin(), lines_.end(), line) != lines_.end()) return;
  lines_.push_back(std::move(line));
}

void ConfigErrors::ThrowIfAny() const {
  if (!lines_.empty()) throw ConfigError(fmt::format("{}", fmt::join(lines_, "\n")));
}

std::string Suggest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string lower = Lower(word.substr(0, 100));
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, lower.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = EditDistance(lower, Lower(candidate));
    if (distance < best_distance && 2 * distance <= std::max(candidate.size(), lower.size())) {
      best = candidate;
      best_distance = distance;
    }
  }
  if (!best.empty()) return fmt::format("did you mean '{}'?", best);
  if (candidates.empty()) return "nothing is allowed here";
  return fmt::format("allowed: {}", fmt::join(candidates, ", "));
}

}  // namespace stillhouse
