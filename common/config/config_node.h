#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace stillhouse {

/// Where a value was written.
struct ConfigPlace {
  std::string file;  ///< as the user gave it
  int line = 0;      ///< 1-based; 0: the whole file
  std::string
      override;  ///< "replay.alpha=2" when it came from --set; then file and line are unused
};

/// A configuration as read, before anything is known about its keys: what YAML and `--set` become.
struct ConfigNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  struct Entry;

  Kind kind = Kind::kNull;
  std::string text;     ///< scalar
  bool quoted = false;  ///< scalar written in quotes: never a number, flag or word
  ConfigPlace place;
  std::vector<ConfigNode> items;  ///< list
  std::vector<Entry> entries;     ///< map, in the file's order, duplicates kept

  bool IsNull() const { return kind == Kind::kNull; }
  bool IsScalar() const { return kind == Kind::kScalar; }
  /// The last entry of that key, or null.
  const Entry* Find(std::string_view key) const;
  Entry* Find(std::string_view key);
  /// For messages: "'abc'", "a list", "a map", "nothing".
  std::string Describe() const;
};

struct ConfigNode::Entry {
  std::string key;
  ConfigPlace place;  ///< of the key
  ConfigNode value;
};

/// Gathers what is wrong, so that the user sees all of it at once.
class ConfigErrors {
 public:
  /// Adds "file:line: path: message", or "--set key=value: message".
  void Add(const ConfigPlace& place, std::string_view path, std::string_view message);
  /// Adds a line as it is.
  void AddLine(std::string line);
  bool Empty() const { return lines_.empty(); }
  std::size_t Size() const { return lines_.size(); }
  /// Throws ConfigError with one line an error when there is any.
  void ThrowIfAny() const;

 private:
  std::vector<std::string> lines_;  ///< without repetitions, at most kMaxErrors
};

/// "did you mean 'alpha'?" for the nearest candidate by edit distance (insertions, deletions,
/// substitutions and swaps of neighbours), or "allowed: a, b, c" when none is near.
std::string Suggest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace stillhouse
