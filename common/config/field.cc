#include "common/config/field.h"

#include <algorithm>

#include <fmt/ranges.h>

namespace stillhouse {
namespace {

std::string OrWord(std::string text, std::string_view or_word) {
  if (!or_word.empty()) text += fmt::format(", or {}", or_word);
  return text;
}

std::string DurationText(const Range& range, std::string_view or_word) {
  return OrWord("a duration with its unit, such as 60s or 5m, " + range.ToString(), or_word);
}

}  // namespace

void FieldInput::FailExpected(std::string_view expected) const {
  Fail(fmt::format("found {}, expected {}", node.Describe(), expected));
}

std::string NumberText(const Range& range, std::string_view or_word) {
  return OrWord("number, " + range.ToString(), or_word);
}

std::string IntegerText(const Range& range, std::string_view or_word) {
  return OrWord("whole number, " + range.ToString(), or_word);
}

std::string WordsText(const std::vector<std::string>& words,
                      const std::vector<std::string>& not_yet) {
  if (words.empty()) return "nothing: not supported yet";
  std::string text = fmt::format("allowed: {}", fmt::join(words, ", "));
  if (!not_yet.empty()) text += fmt::format(" (not supported yet: {})", fmt::join(not_yet, ", "));
  return text;
}

bool IsWord(const ConfigNode& node, std::string_view word) {
  return node.IsScalar() && !node.quoted && node.text == word;
}

std::optional<double> ReadNumber(const FieldInput& in, const Range& range,
                                 std::string_view or_word) {
  const auto value = ParseNumber(in.node);
  if (value && range.Holds(*value)) return value;
  in.FailExpected(NumberText(range, or_word));
  return std::nullopt;
}

std::optional<std::int64_t> ReadInteger(const FieldInput& in, const Range& range,
                                        std::string_view or_word) {
  const auto value = ParseInteger(in.node);
  if (value && range.Holds(static_cast<double>(*value))) return value;
  in.FailExpected(IntegerText(range, or_word));
  return std::nullopt;
}

std::optional<Duration> ReadDuration(const FieldInput& in, const Range& range,
                                     std::string_view or_word) {
  const auto value = ParseDuration(in.node);
  if (value && range.Holds(value->value)) return value;
  in.FailExpected(DurationText(range, or_word));
  return std::nullopt;
}

std::optional<std::size_t> ReadWord(const FieldInput& in, const std::vector<std::string>& words,
                                    const std::vector<std::string>& not_yet) {
  if (!in.node.IsScalar()) {
    in.FailExpected("a word; " + WordsText(words, not_yet));
    return std::nullopt;
  }
  const auto found = std::find(words.begin(), words.end(), in.node.text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  if (std::find(not_yet.begin(), not_yet.end(), in.node.text) != not_yet.end()) {
    in.Fail(fmt::format("'{}' is not supported yet; {}", in.node.text, WordsText(words, {})));
    return std::nullopt;
  }
  const std::string nearest = Suggest(in.node.text, words);
  std::string message = fmt::format("unknown word {}; ", in.node.Describe());
  if (nearest.starts_with("did you mean")) message += nearest + " ";
  in.Fail(message + WordsText(words, not_yet));
  return std::nullopt;
}

}  // namespace stillhouse
