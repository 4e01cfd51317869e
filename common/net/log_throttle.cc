#include "common/net/log_throttle.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "common/base/clock.h"

namespace stillhouse {
namespace {

constexpr std::size_t kMostCharacters = 300;

/// No line breaks, no terminal's escape sequences.
std::string Printable(const std::string& line) {
  std::string text = line.substr(0, kMostCharacters);
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return text;
}

struct Window {
  std::chrono::steady_clock::time_point begin;
  std::size_t passed = 0;
  std::size_t left_out = 0;
};

}  // namespace

NetLog ThrottledLog(NetLog log, std::size_t lines, std::chrono::nanoseconds period,
                    std::function<std::chrono::steady_clock::time_point()> now) {
  auto window = std::make_shared<Window>(Window{now()});
  return [=, log = std::move(log), now = std::move(now)](const std::string& line) {
    const auto time = now();
    if (time - window->begin >= period) {
      if (window->left_out > 0) {
        log(fmt::format("{} more lines about connections in {:.0f} s were left out",
                        window->left_out, Seconds(time - window->begin)));
      }
      *window = {time};
    }
    if (window->passed == lines) {
      ++window->left_out;
      return;
    }
    ++window->passed;
    log(Printable(line));
  };
}

}  // namespace stillhouse
