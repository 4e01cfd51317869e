#include "common/net/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace stillhouse {
namespace {

using ::testing::HasSubstr;

constexpr bool kAlone = true;
constexpr bool kOneOfSeveral = false;

HostFacts Node() {
  return {.name = "node2",
          .cores = 4,
          .addresses = {{"lo", "127.0.0.1", true},
                        {"lo", "::1", true},
                        {"eth0", "2001:db8::2", false},
                        {"eth0", "10.0.0.2", false},
                        {"ib0", "10.9.0.2", false}},
          .addresses_of_name = {}};
}

std::vector<std::string> NoNames(const std::string&) { return {}; }

/// "bind announced"
std::string Choose(const std::string& where, const HostFacts& host, bool alone,
                   const NameLookup& lookup = NoNames) {
  const auto chosen = ChooseListenAddress(where, host, alone, lookup);
  return chosen.bind_host + " " + chosen.announced_host;
}

std::string Refusal(const std::string& where, const HostFacts& host, bool alone,
                    const NameLookup& lookup = NoNames) {
  try {
    return "chose " + Choose(where, host, alone, lookup);
  } catch (const ConfigError& error) {
    return error.what();
  }
}

TEST(ListenAddressTest, AutoOnOneHostIsTheLoopbackAddress) {
  EXPECT_EQ(Choose("auto", Node(), kAlone), "127.0.0.1 127.0.0.1");
}

TEST(ListenAddressTest, AutoOnSeveralHostsIsTheAddressOfTheHostsName) {
  HostFacts host = Node();
  // Debian gives a host's name an address of the loopback network: it is passed over.
  host.addresses_of_name = {"127.0.1.1", "10.9.0.2"};
  EXPECT_EQ(Choose("auto", host, kOneOfSeveral), "10.9.0.2 10.9.0.2");
}

TEST(ListenAddressTest, AutoTakesTheOnlyAddressWhenTheNameHelpsNot) {
  HostFacts host = Node();
  host.addresses.pop_back();
  host.addresses_of_name = {"127.0.1.1", "192.168.7.7"};
  EXPECT_EQ(Choose("auto", host, kOneOfSeveral), "10.0.0.2 10.0.0.2");
}

TEST(ListenAddressTest, AutoRefusesToGuessAndNamesTheChoices) {
  EXPECT_EQ(Refusal("auto", Node(), kOneOfSeveral),
            "actors.listen: auto finds several addresses and would have to guess: node2 has "
            "127.0.0.1 (lo), ::1 (lo), 2001:db8::2 (eth0), 10.0.0.2 (eth0), 10.9.0.2 (ib0); say "
            "which with a subnet or an interface");
}

TEST(ListenAddressTest, AutoNeedsANetwork) {
  HostFacts host;
  host.name = "n";
  host.addresses = {{"lo", "127.0.0.1", true}};
  EXPECT_EQ(Refusal("auto", host, kOneOfSeveral),
            "actors.listen: no other host can reach n: n has 127.0.0.1 (lo)");
}

TEST(ListenAddressTest, ASubnetPicksTheHostsAddressInIt) {
  EXPECT_EQ(Choose("10.9.0.0/16", Node(), kOneOfSeveral), "10.9.0.2 10.9.0.2");
  EXPECT_EQ(Choose("10.0.0.77/24", Node(), kOneOfSeveral), "10.0.0.2 10.0.0.2");
  EXPECT_EQ(Choose("2001:db8::/32", Node(), kOneOfSeveral), "2001:db8::2 2001:db8::2");
  EXPECT_THAT(Refusal("10.1.0.0/16", Node(), kOneOfSeveral),
              HasSubstr("10.1.0.0/16 names no address of node2: node2 has 127.0.0.1 (lo)"));
  EXPECT_EQ(Refusal("10.1.0.0/33", Node(), kOneOfSeveral),
            "actors.listen: '10.1.0.0/33' is no subnet; expected ADDRESS/BITS");
}

TEST(ListenAddressTest, AnInterfacePicksItsFirstIpv4Address) {
  EXPECT_EQ(Choose("eth0", Node(), kOneOfSeveral), "10.0.0.2 10.0.0.2");
  EXPECT_THAT(Refusal("eth1", Node(), kOneOfSeveral), HasSubstr("eth1 names no address of node2"));
}

TEST(ListenAddressTest, AnAddressMustBelongToTheHost) {
  EXPECT_EQ(Choose("10.0.0.2", Node(), kOneOfSeveral), "10.0.0.2 10.0.0.2");
  EXPECT_EQ(Choose("127.0.0.3", Node(), kAlone), "127.0.0.3 127.0.0.3");
  EXPECT_THAT(Refusal("10.0.0.3", Node(), kAlone), HasSubstr("10.0.0.3 names no address of node2"));
}

TEST(ListenAddressTest, LoopbackIsRefusedWhenTheJobHasOtherHosts) {
  for (const char* where : {"127.0.0.1", "lo", "::1", "127.0.0.0/8", "localhost"}) {
    EXPECT_THAT(Refusal(where, Node(), kOneOfSeveral,
                        [](const std::string&) { return std::vector<std::string>{"127.0.0.1"}; }),
                HasSubstr("of node2 cannot be reached from the job's other hosts"))
        << where;
  }
}

TEST(ListenAddressTest, ANameIsLookedUp) {
  const auto lookup = [](const std::string& name) {
    return name == "storage" ? std::vector<std::string>{"10.9.0.7", "10.9.0.2"}
                             : std::vector<std::string>{};
  };
  EXPECT_EQ(Choose("storage", Node(), kOneOfSeveral, lookup), "10.9.0.2 10.9.0.2");
  EXPECT_THAT(Refusal("elsewhere", Node(), kAlone, lookup), HasSubstr("names no address of node2"));
}

TEST(ListenAddressTest, AllAddressesAreAnnouncedAsTheOneOthersReach) {
  HostFacts host = Node();
  host.addresses_of_name = {"10.0.0.2"};
  EXPECT_EQ(Choose("0.0.0.0", host, kOneOfSeveral), "0.0.0.0 10.0.0.2");
  // Alone it is asked for its name's address only now.
  host.addresses_of_name = {};
  EXPECT_EQ(Choose("::", host, kAlone,
                   [](const std::string& name) {
                     EXPECT_EQ(name, "node2");
                     return std::vector<std::string>{"10.9.0.2"};
                   }),
            ":: 10.9.0.2");
  host.addresses = {{"lo", "127.0.0.1", true}};
  EXPECT_EQ(Choose("0.0.0.0", host, kAlone), "0.0.0.0 127.0.0.1");
}

TEST(ListenAddressTest, FactsSurviveTheWire) {
  HostFacts host = Node();
  host.addresses_of_name = {"10.0.0.2", "2001:db8::2"};
  ByteWriter out;
  host.Encode(out);
  const auto bytes = out.Take();
  ByteReader in(bytes, "facts");
  const HostFacts read = HostFacts::Decode(in);
  in.ExpectEnd();
  EXPECT_EQ(read.name, host.name);
  EXPECT_EQ(read.cores, host.cores);
  EXPECT_EQ(read.addresses_of_name, host.addresses_of_name);
  ASSERT_EQ(read.addresses.size(), host.addresses.size());
  EXPECT_EQ(read.addresses[4].interface, "ib0");
  EXPECT_EQ(read.addresses[4].address, "10.9.0.2");
  EXPECT_TRUE(read.addresses[0].loopback);
}

TEST(ListenAddressTest, ThisHostHasALoopbackInterface) {
  const HostFacts host = ThisHost();
  EXPECT_FALSE(host.name.empty());
  EXPECT_GE(host.cores, 1U);
  EXPECT_THAT(host.addresses, ::testing::Contains(::testing::Field(&LocalAddress::loopback, true)));
}

}  // namespace
}  // namespace stillhouse
