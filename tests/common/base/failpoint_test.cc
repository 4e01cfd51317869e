#include "common/base/failpoint.h"

#include <cerrno>
#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

using Kind = FailpointAction::Kind;

std::vector<Kind> Hits(Failpoints& points, const char* name, int count) {
  std::vector<Kind> kinds;
  for (int i = 0; i < count; ++i) kinds.push_back(points.OnHit(name).kind);
  return kinds;
}

TEST(FailpointTest, ANumberMeansThatHitAlone) {
  Failpoints points("segment.append=kill@3");
  EXPECT_EQ(
      Hits(points, "segment.append", 5),
      (std::vector{Kind::kNothing, Kind::kNothing, Kind::kKill, Kind::kNothing, Kind::kNothing}));
}

TEST(FailpointTest, APlusMeansFromThenOn) {
  Failpoints points("segment.append=error:ENOSPC@2+");
  EXPECT_EQ(Hits(points, "segment.append", 4),
            (std::vector{Kind::kNothing, Kind::kError, Kind::kError, Kind::kError}));
  EXPECT_EQ(points.OnHit("segment.append").value, ENOSPC);
}

TEST(FailpointTest, APercentSignMeansEveryNth) {
  Failpoints points("net.read=delay:25@%2");
  EXPECT_EQ(Hits(points, "net.read", 4),
            (std::vector{Kind::kNothing, Kind::kDelay, Kind::kNothing, Kind::kDelay}));
  points.OnHit("net.read");
  EXPECT_EQ(points.OnHit("net.read").value, 25);
}

TEST(FailpointTest, EachNameCountsItsOwnHits) {
  Failpoints points("a=kill@2;b=error:EIO@1;a=error:ECONNRESET@1");
  EXPECT_EQ(points.OnHit("b").value, EIO);
  EXPECT_EQ(points.OnHit("unknown").kind, Kind::kNothing);
  EXPECT_EQ(Hits(points, "a", 2), (std::vector{Kind::kError, Kind::kKill}));
}

TEST(FailpointTest, WhatCannotBeReadIsRefused) {
  for (const char* text : {"a", "a=kill", "a@3", "=kill@3", "a=kill@0", "a=kill@", "a=burn@1",
                           "a=error:EWHAT@1", "a=delay:@1", "a=delay:999999@1", "a=kill@x"}) {
    EXPECT_THROW(Failpoints{text}, ConfigError) << text;
  }
  EXPECT_NO_THROW(Failpoints{""});
}

#ifndef STILLHOUSE_FAILPOINTS
TEST(FailpointTest, AnOrdinaryBuildHasNothingThere) {
  static_assert(SH_FAILPOINT_ERROR("segment.append") == 0);
  int before = 0;
  EXPECT_EQ(SH_FAILPOINT_ERROR("segment.append", [&] { ++before; }), 0);
  EXPECT_EQ(before, 0);
  EXPECT_NO_THROW(SH_FAILPOINT("segment.append"));
}
#else
TEST(FailpointTest, WhatACrashWouldLeaveHappensBeforeTheFailure) {
  ::setenv("STILLHOUSE_FAILPOINTS", "test.torn=error:ENOSPC@2", 1);
  int before = 0;
  const auto hit = [&] { return SH_FAILPOINT_ERROR("test.torn", [&] { ++before; }); };
  EXPECT_EQ(hit(), 0);
  EXPECT_EQ(before, 0);
  EXPECT_EQ(hit(), ENOSPC);
  EXPECT_EQ(before, 1);
}
#endif

}  // namespace
}  // namespace stillhouse
