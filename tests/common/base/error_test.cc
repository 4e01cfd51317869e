#include "common/base/error.h"

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace stillhouse {
namespace {

TEST(CheckDeathTest, EndsTheProcessAndSaysWhere) {
  const int head = 4;
  EXPECT_DEATH(SH_CHECK(head < 3, "head {} size {}", head, 3),
               "error_test.cc.*head < 3: head 4 size 3");
}

TEST(CheckTest, EvaluatesItsConditionOnce) {
  int calls = 0;
  SH_CHECK(++calls == 1);
  EXPECT_EQ(calls, 1);
}

TEST(ErrorTest, EveryKindIsAnError) {
  EXPECT_THROW(throw ConfigError("a"), Error);
  EXPECT_THROW(throw WireError("a"), Error);
  EXPECT_THROW(throw StorageError("a"), Error);
  EXPECT_THROW(throw CommError("a"), Error);
  EXPECT_THROW(throw ShapeError("a"), Error);
  EXPECT_THROW(throw NumericError("a"), Error);
}

static_assert(!std::is_convertible_v<std::uint32_t, ShardId>, "a number is not an id by accident");

TEST(StrongIdTest, ComparesAndHashesByValue) {
  EXPECT_LT(ShardId(1), ShardId(2));
  EXPECT_EQ(std::hash<ShardId>{}(ShardId(7)), std::hash<ShardId>{}(ShardId(7)));
}

TEST(VirtualClockTest, MovesOnlyWhenTold) {
  VirtualClock clock;
  EXPECT_EQ(clock.Now(), Time{});
  clock.Advance(FromSeconds(1.5));
  EXPECT_DOUBLE_EQ(Seconds(clock.Now()), 1.5);
}

TEST(SteadyClockTest, NeverGoesBack) {
  SteadyClock clock;
  const Time first = clock.Now();
  EXPECT_GE(clock.Now(), first);
}

}  // namespace
}  // namespace stillhouse
