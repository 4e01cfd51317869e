#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "common/config/config_node.h"
#include "common/config/run_config.h"

namespace stillhouse {

/// Bounds of a number. `open`: `low` itself is not allowed.
struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool open = false;

  bool Holds(double value) const;
  /// "0 to 1", "above 0", "1 or more", "any".
  std::string ToString() const;
};

// Scalars from text. nullopt: the text is not of that form.

std::optional<double> ParseNumber(const ConfigNode& node);
/// Whole numbers, also written as 1e6 or 1_000_000.
std::optional<std::int64_t> ParseInteger(const ConfigNode& node);
std::optional<std::uint64_t> ParseUnsigned(const ConfigNode& node);
std::optional<bool> ParseFlag(const ConfigNode& node);
/// "500ms", "60s", "5m", "1.5h", "2d", "1000 updates", "5000 frames".
std::optional<Duration> ParseDuration(const ConfigNode& node);

// Text from scalars, as YAML.

std::string PrintNumber(double value);
std::string PrintDuration(const Duration& duration);
/// Plain when that is safe, double-quoted otherwise.
std::string PrintText(std::string_view text);

}  // namespace stillhouse
