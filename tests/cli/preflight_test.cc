#include "cli/preflight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/config_load.h"

namespace stillhouse::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// Six ranks: two with models, two shards, an actor host and one more.
Job JobOf(const std::string& capacity) {
  LoadOptions options;
  options.overrides = {"replay.capacity=" + capacity};
  HostFacts host;
  host.name = "a";
  host.cores = 4;
  return MakeJob(LoadConfig(STILLHOUSE_SOURCE_DIR "/configs/breakout.yaml", options),
                 std::vector<HostFacts>(6, host), "");
}

std::vector<RankFindings> Hosts(const std::vector<std::string>& names, double bytes) {
  std::vector<RankFindings> ranks;
  for (const auto& name : names) ranks.push_back({name, bytes, {}});
  return ranks;
}

TEST(PreflightTest, AStoreThatFitsIsNoError) {
  EXPECT_THAT(PreflightErrors(JobOf("100000"), Hosts({"a", "a", "a", "a", "a", "a"}, 8e9)),
              IsEmpty());
}

TEST(PreflightTest, AStoreThatDoesNotFitNamesHostNeedAndMemory) {
  EXPECT_THAT(
      PreflightErrors(JobOf("1000000000000"), Hosts({"a", "a", "a", "a", "a", "a"}, 8e9)),
      ElementsAre(AllOf(HasSubstr("replay.capacity: 1000000000000"), HasSubstr("on a (6 ranks)"),
                        HasSubstr("TB of memory, but it has 8.0 GB"))));
}

TEST(PreflightTest, EveryHostIsCountedForItself) {
  // 100 bytes a transition and more: 100 million are over 10 GB, half of it on each shard's host.
  const Job job = JobOf("100000000");
  const auto shards = std::vector<int>{job.layout.RankOf(RoleKind::kShard, 0),
                                       job.layout.RankOf(RoleKind::kShard, 1)};
  ASSERT_NE(shards[0], shards[1]);
  std::vector<std::string> names(6, "rest");
  names[static_cast<std::size_t>(shards[0])] = "first";
  names[static_cast<std::size_t>(shards[1])] = "second";
  EXPECT_THAT(PreflightErrors(job, Hosts(names, 3e9)),
              ElementsAre(HasSubstr("on first (1 rank)"), HasSubstr("on second (1 rank)")));
  EXPECT_THAT(PreflightErrors(job, Hosts(names, 12e9)), IsEmpty());
}

TEST(PreflightTest, UnknownMemoryIsNoError) {
  EXPECT_THAT(PreflightErrors(JobOf("1000000000000"), Hosts({"a", "a", "a", "a", "a", "a"}, 0)),
              IsEmpty());
}

TEST(PreflightTest, WhatRanksHaveFoundIsSaid) {
  auto ranks = Hosts({"a", "a", "a", "a", "a", "a"}, 8e9);
  ranks[3].errors = {"actors.listen: taken"};
  ByteWriter out;
  ranks[3].Encode(out);
  const auto bytes = out.Take();
  ByteReader in(bytes, "findings");
  ranks[3] = RankFindings::Decode(in);
  EXPECT_THAT(PreflightErrors(JobOf("100000"), ranks), ElementsAre("actors.listen: taken"));
}

TEST(PreflightTest, ThisHostHasSomeMemory) {
  EXPECT_GT(UsableMemoryBytes(), 1e8);
  EXPECT_LT(UsableMemoryBytes(), 1e15);
}

}  // namespace
}  // namespace stillhouse::cli
