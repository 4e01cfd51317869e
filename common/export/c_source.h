#pragma once

#include <string>

#include "common/export/exported_model.h"

namespace stillhouse {

/// A network as C99 that needs nothing of ours: no allocation, no static state, constant weights,
/// scratch memory from the caller; of the C library sqrt and tanhf at most, and only where a layer
/// has them. Compiles with -std=c99 -Wall -Wextra -Werror -pedantic and as C++.
struct CSource {
  std::string header;  ///< <name>.h: how to call it, and what goes in and comes out
  std::string source;  ///< <name>.c
};

/// Throws ConfigError for more than kMostCParameters parameters: no compiler takes such a file.
CSource WriteCSource(const ExportedModel& model);

inline constexpr std::int64_t kMostCParameters = std::int64_t{1} << 24;

/// What the names of functions and macros begin with: `name` with every character that C does not
/// allow there as '_'; "m" in front where it would begin with one of those or with a digit.
std::string CIdentifier(const std::string& name);

}  // namespace stillhouse
