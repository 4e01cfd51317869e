#pragma once

#include <cstdint>
#include <ostream>
#include <string>

namespace stillhouse::cli {

struct ReplayOptions {
  std::string action;       ///< info | verify | dump
  std::string directory;    ///< a run, its replay folder, or one shard's
  bool json = false;        ///< of info
  bool packed = false;      ///< of dump: observations as hexadecimal text of their packed bytes
  std::uint64_t limit = 0;  ///< of dump: transitions; 0: all
};

/// `stillhouse replay`: looks at stored segments, also of a run that is writing them; changes
/// nothing. 0, or 1 when verify has found damage. Throws ConfigError when there are no segments.
int RunReplay(const ReplayOptions& options, std::ostream& out);

}  // namespace stillhouse::cli
