#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/byte_io.h"
#include "common/base/listen_spec.h"

namespace stillhouse {

/// An address of an interface that is up.
struct LocalAddress {
  std::string interface;
  std::string address;  ///< numeric
  bool loopback = false;
};

/// What a host can say of itself; every rank tells every other, so that all decide alike.
struct HostFacts {
  std::string name;
  std::uint32_t cores = 1;
  std::vector<LocalAddress> addresses;
  /// What its own name resolves to; empty: nothing, or nobody has asked.
  std::vector<std::string> addresses_of_name;

  void Encode(ByteWriter& out) const;
  static HostFacts Decode(ByteReader& in);
};

/// Of this process's host, but for addresses_of_name.
HostFacts ThisHost();

/// The numeric addresses of a name, empty when it has none. May block.
std::vector<std::string> AddressesOfName(const std::string& name);
using NameLookup = std::function<std::vector<std::string>(const std::string& name)>;

/// Where a server binds, and by which address others reach it.
struct ListenAddress {
  std::string bind_host;
  std::string announced_host;
};

/// The address on which `host` serves. `alone`: nobody has to reach it from another host, so that
/// `auto` is the loopback address; otherwise
///  - auto: the address of the host's own name, or else the only one that is no loopback address;
///  - an address: that one, which the host must have; 0.0.0.0 and ::, all of them, announced as
///    auto does;
///  - a subnet or an interface: the host's first address in it;
///  - a name: the first of its addresses that the host has.
/// Throws ConfigError, naming the host and the addresses it has, when there is no such address,
/// when `auto` would have to guess, and when it could not be reached from other hosts.
ListenAddress ChooseListenAddress(const std::string& where, const HostFacts& host, bool alone,
                                  const NameLookup& lookup);

}  // namespace stillhouse
