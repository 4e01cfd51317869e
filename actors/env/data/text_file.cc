// Lines end with LF or CR LF:
//   line = label, TAB, text
#include "actors/env/data/text_file.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "common/base/error.h"

namespace stillhouse::actors {
namespace {

constexpr std::int32_t kMaxLabel = 65535;

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool IsTokenByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) > 127;
}

LabelledText ParseLine(std::string_view line, const std::string& name, std::size_t number) {
  const std::size_t tab = line.find('\t');
  if (tab == std::string_view::npos) {
    throw ConfigError(fmt::format("{}:{}: no tab; expected label<TAB>text", name, number));
  }
  LabelledText result;
  const auto [end, error] = std::from_chars(line.data(), line.data() + tab, result.label);
  if (error != std::errc() || end != line.data() + tab || result.label < 0 ||
      result.label > kMaxLabel) {
    throw ConfigError(
        fmt::format("{}:{}: the label must be a number from 0 to {}", name, number, kMaxLabel));
  }
  result.text = line.substr(tab + 1);
  return result;
}

}  // namespace

std::vector<LabelledText> ParseLabelledLines(std::string_view file, const std::string& name) {
  std::vector<LabelledText> lines;
  for (std::size_t number = 1; !file.empty(); ++number) {
    const std::size_t end = std::min(file.find('\n'), file.size());
    std::string_view line = file.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(ParseLine(line, name, number));
    file.remove_prefix(std::min(end + 1, file.size()));
  }
  return lines;
}

std::vector<std::string> Tokenize(std::string_view text) {
  std::vector<std::string> tokens;
  std::string token;
  for (const char byte : text) {
    const char c = Lower(byte);
    if (IsTokenByte(c)) {
      token += c;
    } else if (!token.empty()) {
      tokens.push_back(std::move(token));
      token.clear();
    }
  }
  if (!token.empty()) tokens.push_back(std::move(token));
  return tokens;
}

Vocabulary::Vocabulary(const std::vector<LabelledText>& texts, std::int32_t size) {
  SH_CHECK(size > 2, "a vocabulary of {}", size);
  std::map<std::string, std::size_t> counts;
  for (const LabelledText& text : texts) {
    for (std::string& token : Tokenize(text.text)) ++counts[std::move(token)];
  }
  std::vector<std::pair<std::string, std::size_t>> order(counts.begin(), counts.end());
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (order.size() > static_cast<std::size_t>(size - 2)) {
    order.resize(static_cast<std::size_t>(size - 2));
  }
  std::int32_t number = kUnknown;
  for (auto& [token, count] : order) numbers_.emplace(std::move(token), ++number);
}

std::vector<float> Vocabulary::Numbers(std::string_view text, std::int32_t length) const {
  std::vector<float> numbers(static_cast<std::size_t>(length), static_cast<float>(kPadding));
  const auto tokens = Tokenize(text);
  for (std::size_t i = 0; i < std::min(tokens.size(), numbers.size()); ++i) {
    const auto known = numbers_.find(tokens[i]);
    numbers[i] = static_cast<float>(known == numbers_.end() ? kUnknown : known->second);
  }
  return numbers;
}

}  // namespace stillhouse::actors
