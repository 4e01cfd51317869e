#include "common/config/config_values.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace stillhouse {
namespace {

struct DurationUnit {
  std::string_view name;
  double factor;
  Duration::Unit unit;
};
constexpr std::array kDurationUnits = {
    DurationUnit{"ms", 1e-3, Duration::Unit::kSeconds},
    DurationUnit{"s", 1, Duration::Unit::kSeconds},
    DurationUnit{"m", 60, Duration::Unit::kSeconds},
    DurationUnit{"h", 3600, Duration::Unit::kSeconds},
    DurationUnit{"d", 86400, Duration::Unit::kSeconds},
    DurationUnit{"updates", 1, Duration::Unit::kUpdates},
    DurationUnit{"frames", 1, Duration::Unit::kFrames},
};

/// Digits may be grouped by underscores between digits.
std::string WithoutUnderscores(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool between = text[i] == '_' && i > 0 && i + 1 < text.size() &&
                         std::isdigit(static_cast<unsigned char>(text[i - 1])) != 0 &&
                         std::isdigit(static_cast<unsigned char>(text[i + 1])) != 0;
    if (!between) plain += text[i];
  }
  return plain;
}

template <typename T>
std::optional<T> FromChars(std::string_view text) {
  std::string plain = WithoutUnderscores(text);
  if (plain.size() > 1 && plain[0] == '+' && plain[1] != '-') plain.erase(0, 1);
  T value{};
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (error != std::errc{} || end != plain.data() + plain.size()) return std::nullopt;
  return value;
}

std::optional<double> FiniteNumber(std::string_view text) {
  const auto value = FromChars<double>(text);
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return value;
}

/// True when the node may be anything but text.
bool IsPlain(const ConfigNode& node) { return node.IsScalar() && !node.quoted; }

}  // namespace

bool Range::Holds(double value) const {
  return (open ? value > low : value >= low) && value <= high;
}

std::string Range::ToString() const {
  const bool below = std::isfinite(high);
  if (!std::isfinite(low)) return below ? fmt::format("at most {}", high) : "any";
  if (open)
    return below ? fmt::format("above {}, up to {}", low, high) : fmt::format("above {}", low);
  return below ? fmt::format("{} to {}", low, high) : fmt::format("{} or more", low);
}

std::optional<double> ParseNumber(const ConfigNode& node) {
  if (!IsPlain(node)) return std::nullopt;
  return FiniteNumber(node.text);
}

std::optional<std::int64_t> ParseInteger(const ConfigNode& node) {
  if (!IsPlain(node)) return std::nullopt;
  if (const auto value = FromChars<std::int64_t>(node.text)) return value;
  const auto number = FiniteNumber(node.text);
  constexpr double kExact = 9007199254740992.0;  // 2^53: above it a double may have been rounded
  if (!number || std::floor(*number) != *number || std::fabs(*number) > kExact) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

std::optional<std::uint64_t> ParseUnsigned(const ConfigNode& node) {
  if (!IsPlain(node)) return std::nullopt;
  if (const auto value = FromChars<std::uint64_t>(node.text)) return value;
  const auto integer = ParseInteger(node);
  if (!integer || *integer < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*integer);
}

std::optional<bool> ParseFlag(const ConfigNode& node) {
  if (!IsPlain(node)) return std::nullopt;
  if (node.text == "true") return true;
  if (node.text == "false") return false;
  return std::nullopt;
}

std::optional<Duration> ParseDuration(const ConfigNode& node) {
  if (!IsPlain(node)) return std::nullopt;
  const std::string_view text = node.text;
  const std::size_t digits = std::min(text.find_first_not_of("0123456789._eE+-"), text.size());
  // "5e3 frames": the e belongs to the number; a unit never begins with one.
  const auto value = FiniteNumber(text.substr(0, digits));
  std::string_view unit = text.substr(digits);
  while (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  if (!value || *value < 0) return std::nullopt;
  for (const DurationUnit& known : kDurationUnits) {
    const bool singular = known.unit != Duration::Unit::kSeconds &&
                          unit == known.name.substr(0, known.name.size() - 1);
    if (unit == known.name || singular) return Duration{*value * known.factor, known.unit};
  }
  return std::nullopt;
}

std::string PrintNumber(double value) { return fmt::format("{}", value); }

std::string PrintDuration(const Duration& duration) {
  switch (duration.unit) {
    case Duration::Unit::kUpdates:
      return fmt::format("{} updates", duration.value);
    case Duration::Unit::kFrames:
      return fmt::format("{} frames", duration.value);
    case Duration::Unit::kSeconds:
      break;
  }
  return fmt::format("{}s", duration.value);
}

std::string PrintText(std::string_view text) {
  const auto safe = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '/' || c == '-';
  };
  const bool plain = !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) != 0 &&
                     std::all_of(text.begin(), text.end(), safe) && text != "null" &&
                     text != "Null" && text != "NULL";
  if (plain) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      quoted += fmt::format("\\x{:02x}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace stillhouse
