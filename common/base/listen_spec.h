#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace stillhouse {

/// `actors.listen` taken apart: where on each host to listen, before any host is known.
struct ListenSpec {
  /// "auto", an address, a subnet ("10.0.0.0/24"), an interface ("eth0") or a host name; of IPv6
  /// without its brackets.
  std::string where;
  std::uint16_t port = 0;  ///< 0: any free one

  /// WHERE or WHERE:PORT; an IPv6 address or subnet stands in brackets. nullopt: neither.
  static std::optional<ListenSpec> Parse(std::string_view text);
};

}  // namespace stillhouse
