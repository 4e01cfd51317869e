#include "common/run/rank_watch.h"

#include <chrono>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

using namespace std::chrono_literals;

/// Looks every 100 ms until somebody has died or `until` is reached; when it was.
std::optional<Time> DeathUntil(RankWatch& watch, Time from, Time until,
                               std::vector<RankWatch::Death>* deaths) {
  for (Time now = from; now <= until; now += 100ms) {
    *deaths = watch.Tick(now);
    if (!deaths->empty()) return now;
  }
  return std::nullopt;
}

class RankWatchTest : public ::testing::Test {
 protected:
  RankWatchTest() {
    watch_.Tick(0s);
    watch_.OnConnected(1);
    watch_.OnConnected(2);
  }
  RankWatch watch_{3};
  std::vector<RankWatch::Death> deaths_;
};

TEST_F(RankWatchTest, SilenceIsNoDeathWhileTheConnectionStands) {
  EXPECT_FALSE(DeathUntil(watch_, 0s, 3600s, &deaths_));
  EXPECT_EQ(watch_.Connected(), 2U);
}

TEST_F(RankWatchTest, ALostConnectionIsADeathWithinTwoSeconds) {
  watch_.OnLost(2, "closed by the peer", 100ms);
  const auto when = DeathUntil(watch_, 100ms, 10s, &deaths_);
  ASSERT_TRUE(when);
  EXPECT_LE(*when - 100ms, Time(2s));
  ASSERT_EQ(deaths_.size(), 1U);
  EXPECT_EQ(deaths_[0].rank, 2U);
  EXPECT_NE(deaths_[0].reason.find("closed by the peer"), std::string::npos);
  EXPECT_FALSE(DeathUntil(watch_, *when, *when + 10s, &deaths_)) << "nobody dies twice";
  EXPECT_FALSE(watch_.OnConnected(2)) << "nor comes back";
  EXPECT_EQ(watch_.Connected(), 1U);
}

TEST_F(RankWatchTest, AConnectionThatComesBackIsNoDeath) {
  watch_.OnLost(1, "cut", 100ms);
  EXPECT_FALSE(DeathUntil(watch_, 100ms, 1s, &deaths_));
  EXPECT_EQ(watch_.Missing(), std::vector<std::uint32_t>{1});
  EXPECT_TRUE(watch_.OnConnected(1));
  EXPECT_FALSE(DeathUntil(watch_, 1s, 100s, &deaths_));
}

TEST_F(RankWatchTest, AProcessThatIsKnownToBeGoneIsDeadAtOnce) {
  watch_.OnLost(1, "closed by the peer", 100ms);
  watch_.OnProcessGone(1);
  EXPECT_EQ(watch_.Tick(100ms).size(), 1U);
}

TEST_F(RankWatchTest, OurOwnAbsenceIsNotCountedAgainstOthers) {
  watch_.Tick(1s);
  watch_.OnLost(1, "cut", 1s);
  // We were stopped for a minute; it has had no chance to come back yet.
  EXPECT_TRUE(watch_.Tick(61s).empty());
  EXPECT_TRUE(watch_.OnConnected(1));
}

TEST_F(RankWatchTest, ARankThatNeverComesIsDeadAfterAWhile) {
  RankWatch watch(2);
  const auto when = DeathUntil(watch, 0s, 100s, &deaths_);
  ASSERT_TRUE(when);
  EXPECT_GT(*when, Time(30s));
}

TEST_F(RankWatchTest, WhoIsGivenUpIsDeadThoughConnected) {
  watch_.OnGivenUp(1, "silent for 300 s");
  const auto deaths = watch_.Tick(1s);
  ASSERT_EQ(deaths.size(), 1U);
  EXPECT_EQ(deaths[0].reason, "silent for 300 s");
}

}  // namespace
}  // namespace stillhouse
