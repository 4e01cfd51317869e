// Where things run and listen: host files, --role, `actors.listen`, HOST:PORT.
#include <sstream>

#include "cli/host_file.h"
#include "common/base/error.h"
#include "common/base/listen_spec.h"
#include "common/net/listen_address.h"
#include "common/net/tcp_transport.h"
#include "common/run/role_wishes.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/round_trip.h"

namespace stillhouse::fuzz {
namespace {

FuzzTarget HostFiles() {
  FuzzTarget target{.name = "host_file", .read = [](auto input, std::string& why) {
                      std::istringstream file{std::string(AsText(input))};
                      return Accepts<ConfigError>(why, [&] {
                        if (cli::ParseHosts(file, "hosts", 5).size() != 5) {
                          throw std::logic_error("another number of ranks");
                        }
                      });
                    }};
  target.seeds = {FromText("node1 slots=4 max_slots=8\n# all\nnode2\n"),
                  FromText("a slots=1000000")};
  target.words = {"slots=", "max-slots=", "#", "=", "\n", " ", "node9"};
  target.text = true;
  return target;
}

FuzzTarget Roles() {
  FuzzTarget target{.name = "roles", .read = [](auto input, std::string& why) {
                      std::vector<std::string> wishes;
                      std::istringstream lines{std::string(AsText(input))};
                      for (std::string line; std::getline(lines, line);) wishes.push_back(line);
                      RunConfig config;
                      config.env.id = "classic/cart_pole";
                      return Accepts<ConfigError>(
                          why, [&] { CheckWishes(config, ParseWishes(wishes)); });
                    }};
  target.seeds = {FromText("learner\nshard\nactor"), FromText("learner,shard,actor"),
                  FromText("shard,actor\nlearner\n")};
  target.words = {"learner", "shard", "actor", "student", ",", "\n", "coordinator"};
  target.text = true;
  return target;
}

FuzzTarget ListenSpecs() {
  const HostFacts host{.name = "node1",
                       .cores = 2,
                       .addresses = {{"lo", "127.0.0.1", true},
                                     {"eth0", "10.0.0.7", false},
                                     {"eth0", "fd00::7", false}},
                       .addresses_of_name = {"10.0.0.7"}};
  const auto nobody = [](const std::string&) { return std::vector<std::string>(); };
  FuzzTarget target{.name = "listen", .read = [host, nobody](auto input, std::string& why) {
                      const auto spec = ListenSpec::Parse(AsText(input));
                      if (!spec) return false;
                      return Accepts<ConfigError>(
                          why, [&] { ChooseListenAddress(spec->where, host, false, nobody); });
                    }};
  target.seeds = {FromText("auto"),          FromText("eth0:4000"), FromText("10.0.0.0/24"),
                  FromText("[fd00::/64]:5"), FromText("0.0.0.0:0"), FromText("10.0.0.7")};
  target.words = {"[", "]", "::", "/", ":", ".", "%", "auto", "10.0.0.7", "fd00::7", "0", "128"};
  target.text = true;
  return target;
}

FuzzTarget HostPorts() {
  FuzzTarget target{.name = "host_port", .read = [](auto input, std::string& why) {
                      return Accepts<ConfigError>(why, [&] {
                        const HostPort parsed = HostPort::Parse(AsText(input));
                        if (HostPort::Parse(parsed.ToString()).ToString() != parsed.ToString()) {
                          throw std::logic_error("prints as another address");
                        }
                      });
                    }};
  target.seeds = {FromText("node7:4000"), FromText("[::1]:80"), FromText("10.1.2.3:65535")};
  target.words = {"[", "]", "::", ":", "65536", "-1"};
  target.text = true;
  return target;
}

FuzzTarget HostFactsOfRanks() {
  FuzzTarget target{.name = "host_facts", .read = [](auto input, std::string& why) {
                      return Accepts<WireError>(why, [&] { DecodedAlike<HostFacts>(input); });
                    }};
  target.seeds = {Encoded(HostFacts{"node1", 8, {{"eth0", "10.0.0.7", false}}, {"10.0.0.7"}})};
  return target;
}

}  // namespace

std::vector<FuzzTarget> AddressTargets() {
  return {HostFiles(), Roles(), ListenSpecs(), HostPorts(), HostFactsOfRanks()};
}

}  // namespace stillhouse::fuzz
