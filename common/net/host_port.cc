#include <charconv>

#include "common/base/error.h"
#include "common/net/tcp_transport.h"

namespace stillhouse {

HostPort HostPort::Parse(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto fail = [&](std::string_view why) {
    throw ConfigError(fmt::format("address '{}': {}; expected HOST:PORT", text, why));
  };
  if (colon == std::string_view::npos) fail("no port");
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    fail("an IPv6 address needs brackets");
  }
  if (host.empty()) fail("no host");
  HostPort parsed;
  parsed.host = host;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), parsed.port);
  if (error != std::errc() || end != port.data() + port.size()) fail("port is no number to 65535");
  return parsed;
}

std::string HostPort::ToString() const {
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace stillhouse
