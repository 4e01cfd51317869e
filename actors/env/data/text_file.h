#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace stillhouse::actors {

/// A line of `label<TAB>text`.
struct LabelledText {
  std::int32_t label = 0;
  std::string text;
};

/// Throws ConfigError, naming the line, when one has no tab, or a label that is no number from 0
/// to 65535. An empty last line is none.
std::vector<LabelledText> ParseLabelledLines(std::string_view file, const std::string& name);

/// Lower-case runs of letters, digits and bytes above 127 (UTF-8 beyond ASCII stays as it is).
std::vector<std::string> Tokenize(std::string_view text);

/// Numbers of tokens: 0 is padding, 1 every token that is not known, the rest by falling frequency
/// (ties in byte order), so that every process gives the same numbers.
class Vocabulary {
 public:
  static constexpr std::int32_t kPadding = 0;
  static constexpr std::int32_t kUnknown = 1;

  /// `size`: numbers in all, above 2.
  Vocabulary(const std::vector<LabelledText>& texts, std::int32_t size);

  /// The first `length` tokens, padded at the end.
  std::vector<float> Numbers(std::string_view text, std::int32_t length) const;
  std::size_t Size() const { return numbers_.size() + 2; }

 private:
  std::unordered_map<std::string, std::int32_t> numbers_;
};

}  // namespace stillhouse::actors
