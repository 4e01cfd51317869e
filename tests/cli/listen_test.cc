#include "cli/listen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace stillhouse::cli {
namespace {

HostFacts Node(int number) {
  const std::string n = std::to_string(number);
  return {.name = "node" + n,
          .cores = 4,
          .addresses = {{"lo", "127.0.0.1", true}, {"eth0", "10.0.0." + n, false}},
          .addresses_of_name = {}};
}

/// Ranks 0 and 1 on node1 and so on; three shards on ranks 1, 2 and 3.
RoleLayout Layout() {
  RoleLayout layout;
  layout.ranks.resize(4);
  for (std::uint16_t shard = 0; shard < 3; ++shard) {
    layout.ranks[shard + 1U].push_back({RoleKind::kShard, shard});
  }
  return layout;
}

std::vector<HostFacts> TwoNodes() { return {Node(1), Node(1), Node(2), Node(2)}; }

TEST(ListenTest, EveryShardListensOnItsOwnHost) {
  const auto endpoints = ShardEndpoints("10.0.0.0/24", Layout(), TwoNodes());
  ASSERT_EQ(endpoints.size(), 3U);
  EXPECT_EQ(endpoints[0].listen, "10.0.0.1:0");
  EXPECT_EQ(endpoints[1].listen, "10.0.0.2:0");
  EXPECT_EQ(endpoints[2].listen, "10.0.0.2:0");
  EXPECT_EQ(endpoints[2].announced_host, "10.0.0.2");
}

TEST(ListenTest, AutoIsLoopbackOnlyWhenAllRanksShareAHost) {
  EXPECT_EQ(ShardEndpoints("auto", Layout(), TwoNodes())[0].listen, "10.0.0.1:0");
  const std::vector<HostFacts> one(4, Node(1));
  EXPECT_EQ(ShardEndpoints("auto", Layout(), one)[0].listen, "127.0.0.1:0");
}

TEST(ListenTest, ShardsOfOneHostTakeSuccessivePorts) {
  const auto endpoints = ShardEndpoints("eth0:7000", Layout(), TwoNodes());
  EXPECT_EQ(endpoints[0].listen, "10.0.0.1:7000");
  EXPECT_EQ(endpoints[1].listen, "10.0.0.2:7000");
  EXPECT_EQ(endpoints[2].listen, "10.0.0.2:7001");
  EXPECT_THROW(ShardEndpoints("eth0:65535", Layout(), TwoNodes()), ConfigError);
}

TEST(ListenTest, EveryHostWithoutAnAddressIsNamedOnce) {
  try {
    ShardEndpoints("ib0", Layout(), TwoNodes());
    FAIL() << "chose addresses that do not exist";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(),
                 "actors.listen: ib0 names no address of node1: node1 has 127.0.0.1 (lo), "
                 "10.0.0.1 (eth0)\n"
                 "actors.listen: ib0 names no address of node2: node2 has 127.0.0.1 (lo), "
                 "10.0.0.2 (eth0)");
  }
}

TEST(ListenTest, CoresOfAHostCountOnce) { EXPECT_EQ(TotalCores(TwoNodes()), 8); }

}  // namespace
}  // namespace stillhouse::cli
