#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/net/event_loop.h"

namespace stillhouse::cli {

/// What a job's shards said to a stranger with this token.
struct ProbeResult {
  enum class Kind {
    kWelcome,      ///< all of them took it
    kRefused,      ///< one did not; `message` has its words
    kUnreachable,  ///< one did not answer; `message` says what was tried
    kStopped,
  };
  Kind kind = Kind::kUnreachable;
  std::string message;
};

/// Shakes hands with the shards at `addresses` and leaves again: the same first words as a
/// worker's, so that what is wrong is said once, before any process is started. Tries again until
/// `limit` has passed or `stopped` is true; runs the loop meanwhile.
ProbeResult ProbeShards(EventLoop& loop, const std::vector<std::string>& addresses,
                        const std::string& token, Time limit, const std::function<bool()>& stopped);

}  // namespace stillhouse::cli
