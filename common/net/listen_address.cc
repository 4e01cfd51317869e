#include "common/net/listen_address.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

namespace ip = boost::asio::ip;
using boost::system::error_code;

/// nullopt: not a numeric address.
std::optional<ip::address> Numeric(const std::string& text) {
  error_code error;
  const auto address = ip::make_address(text, error);
  return error ? std::nullopt : std::optional(address);
}

/// "node2 has 10.0.0.2 (eth0), 127.0.0.1 (lo)"
std::string Has(const HostFacts& host) {
  std::vector<std::string> parts;
  for (const auto& local : host.addresses) {
    parts.push_back(fmt::format("{} ({})", local.address, local.interface));
  }
  return fmt::format("{} has {}", host.name,
                     parts.empty() ? "no address" : fmt::format("{}", fmt::join(parts, ", ")));
}

[[noreturn]] void Fail(const std::string& why) { throw ConfigError("actors.listen: " + why); }

/// By which other hosts reach this one: the address of its name, or the only one.
std::string OutsideAddress(const HostFacts& host) {
  std::vector<std::string> candidates;
  for (const auto& local : host.addresses) {
    if (!local.loopback) candidates.push_back(local.address);
  }
  for (const auto& named : host.addresses_of_name) {
    if (std::find(candidates.begin(), candidates.end(), named) != candidates.end()) return named;
  }
  // A host has an IPv6 address beside its IPv4 one without anybody's doing: no second choice.
  std::vector<std::string> v4;
  std::copy_if(candidates.begin(), candidates.end(), std::back_inserter(v4),
               [](const auto& text) { return text.find(':') == std::string::npos; });
  if (v4.size() == 1) return v4.front();
  if (v4.empty() && candidates.size() == 1) return candidates.front();
  if (candidates.empty()) Fail(fmt::format("no other host can reach {}: {}", host.name, Has(host)));
  Fail(
      fmt::format("auto finds several addresses and would have to guess: {}; say which with a "
                  "subnet or an interface",
                  Has(host)));
}

/// "10.0.0.0/24", with or without bits beyond the length.
bool InSubnet(const ip::address& address, const std::string& subnet) {
  error_code error;
  if (address.is_v4()) {
    const auto network = ip::make_network_v4(subnet, error);
    return !error && ip::network_v4(address.to_v4(), network.prefix_length()).canonical() ==
                         network.canonical();
  }
  const auto network = ip::make_network_v6(subnet, error);
  return !error && ip::network_v6(address.to_v6(), network.prefix_length()).canonical() ==
                       network.canonical();
}

void CheckSubnet(const std::string& subnet) {
  error_code v4;
  error_code v6;
  ip::make_network_v4(subnet, v4);
  ip::make_network_v6(subnet, v6);
  if (v4 && v6) Fail(fmt::format("'{}' is no subnet; expected ADDRESS/BITS", subnet));
}

/// The first of the host's addresses for which `fits` holds, IPv4 before IPv6.
template <typename Predicate>
std::optional<LocalAddress> First(const HostFacts& host, Predicate fits) {
  for (const bool v6 : {false, true}) {
    for (const auto& local : host.addresses) {
      if ((local.address.find(':') != std::string::npos) == v6 && fits(local)) return local;
    }
  }
  return std::nullopt;
}

std::optional<LocalAddress> Find(const std::string& where, const HostFacts& host,
                                 const NameLookup& lookup) {
  if (where.find('/') != std::string::npos) {
    CheckSubnet(where);
    return First(host, [&](const LocalAddress& local) {
      return InSubnet(ip::make_address(local.address), where);
    });
  }
  const auto numeric = Numeric(where);
  const auto interface =
      First(host, [&](const LocalAddress& local) { return local.interface == where; });
  if (interface) return interface;
  const auto named = numeric ? std::vector{numeric->to_string()} : lookup(where);
  // All of 127.0.0.0/8 is local, though the interface shows one address.
  if (!named.empty() && ip::make_address(named.front()).is_loopback()) {
    return LocalAddress{"lo", named.front(), true};
  }
  return First(host, [&](const LocalAddress& local) {
    return std::find(named.begin(), named.end(), local.address) != named.end();
  });
}

}  // namespace

void HostFacts::Encode(ByteWriter& out) const {
  out.PutString(name);
  out.Put(cores);
  out.Put(static_cast<std::uint32_t>(addresses.size()));
  for (const auto& local : addresses) {
    out.PutString(local.interface);
    out.PutString(local.address);
    out.Put(static_cast<std::uint8_t>(local.loopback));
  }
  out.Put(static_cast<std::uint32_t>(addresses_of_name.size()));
  for (const auto& address : addresses_of_name) out.PutString(address);
}

HostFacts HostFacts::Decode(ByteReader& in) {
  HostFacts host;
  host.name = in.GetString();
  host.cores = in.Get<std::uint32_t>();
  for (auto left = in.Get<std::uint32_t>(); left > 0; --left) {
    LocalAddress local;
    local.interface = in.GetString();
    local.address = in.GetString();
    local.loopback = in.GetBool();
    host.addresses.push_back(std::move(local));
  }
  for (auto left = in.Get<std::uint32_t>(); left > 0; --left) {
    host.addresses_of_name.push_back(in.GetString());
  }
  return host;
}

HostFacts ThisHost() {
  HostFacts host;
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  host.name = name.data();
  host.cores = std::max(1U, std::thread::hardware_concurrency());
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) == 0) {
    for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
      // A bridge without anybody on it is up, but does not run.
      constexpr unsigned kUsable = IFF_UP | IFF_RUNNING;
      if (at->ifa_addr == nullptr || (at->ifa_flags & kUsable) != kUsable) continue;
      const int family = at->ifa_addr->sa_family;
      if (family != AF_INET && family != AF_INET6) continue;
      const auto length =
          static_cast<socklen_t>(family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
      std::array<char, NI_MAXHOST> text{};
      if (getnameinfo(at->ifa_addr, length, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) !=
          0) {
        continue;
      }
      const auto address = Numeric(text.data());
      // Addresses of one link mean nothing without the interface, which differs between hosts.
      if (!address || (address->is_v6() && address->to_v6().is_link_local())) continue;
      host.addresses.push_back({at->ifa_name, address->to_string(), address->is_loopback()});
    }
    freeifaddrs(list);
  }
  return host;
}

std::vector<std::string> AddressesOfName(const std::string& name) {
  boost::asio::io_context context;
  ip::tcp::resolver resolver(context);
  error_code error;
  std::vector<std::string> addresses;
  const auto found = resolver.resolve(name, "0", error);
  if (error) return addresses;
  for (const auto& entry : found) addresses.push_back(entry.endpoint().address().to_string());
  return addresses;
}

ListenAddress ChooseListenAddress(const std::string& where, const HostFacts& host, bool alone,
                                  const NameLookup& lookup) {
  if (where == "auto") {
    const std::string address = alone ? "127.0.0.1" : OutsideAddress(host);
    return {address, address};
  }
  if (const auto numeric = Numeric(where); numeric && numeric->is_unspecified()) {
    const bool no_network = std::all_of(host.addresses.begin(), host.addresses.end(),
                                        [](const LocalAddress& local) { return local.loopback; });
    if (!alone) return {where, OutsideAddress(host)};
    if (no_network) return {where, "127.0.0.1"};
    HostFacts asked = host;
    asked.addresses_of_name = lookup(host.name);
    return {where, OutsideAddress(asked)};
  }
  const auto found = Find(where, host, lookup);
  if (!found) Fail(fmt::format("{} names no address of {}: {}", where, host.name, Has(host)));
  if (found->loopback && !alone) {
    Fail(
        fmt::format("{} of {} cannot be reached from the job's other hosts; use auto, a subnet or "
                    "an interface; {}",
                    where, host.name, Has(host)));
  }
  return {found->address, found->address};
}

}  // namespace stillhouse
