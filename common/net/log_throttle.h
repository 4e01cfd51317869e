#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include "common/net/tcp_transport.h"

namespace stillhouse {

/// Passes on at most `lines` a `period`, and then says how many were left out: strangers must not
/// fill a disk with log lines. What they put into a line is made printable and cut to 300
/// characters. `now`: the time, for tests.
NetLog ThrottledLog(
    NetLog log, std::size_t lines = 50, std::chrono::nanoseconds period = std::chrono::seconds(10),
    std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now);

}  // namespace stillhouse
