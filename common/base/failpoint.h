#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"

namespace stillhouse {

/// What is to happen at a failpoint.
struct FailpointAction {
  enum class Kind : std::uint8_t {
    kNothing,
    kKill,   ///< SIGKILL to this process: nothing is flushed, nothing is said
    kError,  ///< the call fails with errno `value`
    kDelay,  ///< of `value` ms
  };
  Kind kind = Kind::kNothing;
  int value = 0;
  bool once = false;  ///< it strikes one process of the job, not every one that gets there
};

/// Which failpoints are armed, and how often each was hit. Not thread-safe.
class Failpoints {
 public:
  /// NAME=ACTION@WHEN[;NAME=ACTION@WHEN]…
  ///   ACTION: kill, error:ENOSPC (EIO, EDQUOT, ECONNRESET), delay:MS
  ///   WHEN:   17 (the 17th hit, in the first process that has it), 17+ (that and all after it),
  ///   %17 (every 17th)
  /// A name may stand there several times. Throws ConfigError.
  explicit Failpoints(std::string_view specification);

  /// Counts a hit; the action that is due.
  FailpointAction OnHit(std::string_view name);

 private:
  enum class When : std::uint8_t { kOnce, kFrom, kEvery };
  struct Rule {
    FailpointAction action;
    When when = When::kOnce;
    std::uint64_t count = 0;
  };
  struct Point {
    std::uint64_t hits = 0;
    std::vector<Rule> rules;
  };
  void Add(std::string_view text);

  std::map<std::string, Point, std::less<>> points_;
};

#ifdef STILLHOUSE_FAILPOINTS

/// The action due at this hit of this process's failpoint, which STILLHOUSE_FAILPOINTS arms; it is
/// noted in the file STILLHOUSE_FAILPOINTS_LOG, by which processes also know what has struck
/// already. Thread-safe.
FailpointAction DueFailpoint(const char* name);
/// Does it. Returns the errno with which the call is to fail, or 0.
int PerformFailpoint(FailpointAction action);

/// `before` (what a crash in the middle leaves behind) happens only when an action is due.
template <typename Before>
int HitFailpoint(const char* name, Before&& before) {
  const FailpointAction action = DueFailpoint(name);
  if (action.kind == FailpointAction::Kind::kNothing) return 0;
  before();
  return PerformFailpoint(action);
}
inline int HitFailpoint(const char* name) { return PerformFailpoint(DueFailpoint(name)); }

#endif

}  // namespace stillhouse

// Places at which a test build (-DSTILLHOUSE_FAILPOINTS=ON) can be made to die, fail or wait; any
// other build has nothing there. scripts/chaos.sh arms them.
#ifdef STILLHOUSE_FAILPOINTS
/// The errno to fail with, or 0. A second argument, a callable, happens first when one is due.
#define SH_FAILPOINT_ERROR(...) ::stillhouse::HitFailpoint(__VA_ARGS__)
/// Throws StorageError when it is to fail.
#define SH_FAILPOINT(name)                                                              \
  do {                                                                                  \
    if (::stillhouse::HitFailpoint(name) != 0) {                                        \
      throw ::stillhouse::StorageError(std::string("failpoint ") + (name) + ": fails"); \
    }                                                                                   \
  } while (false)
#else
#define SH_FAILPOINT_ERROR(...) 0
#define SH_FAILPOINT(name) static_cast<void>(0)
#endif
