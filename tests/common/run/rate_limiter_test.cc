#include "common/run/rate_limiter.h"

#include <cmath>
#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/rng.h"

namespace stillhouse {
namespace {

using ::testing::HasSubstr;

TEST(RateLimiterTest, BlocksSamplingUntilMinimumSizeIsReached) {
  RateLimiter limiter(8, 100, 400);
  EXPECT_EQ(limiter.SampleAllowance(), 0U);
  limiter.ReportInserted(99);
  EXPECT_EQ(limiter.SampleAllowance(), 0U);
  limiter.ReportInserted(100);
  EXPECT_EQ(limiter.SampleAllowance(), 400U);
  limiter.ReportInserted(110);
  EXPECT_EQ(limiter.SampleAllowance(), 480U);
}

TEST(RateLimiterTest, BlocksInsertingWhenSamplingFallsBehind) {
  RateLimiter limiter(8, 100, 400);
  EXPECT_EQ(limiter.InsertAllowance(), 150U);
  limiter.ReportSampled(79);
  EXPECT_EQ(limiter.InsertAllowance(), 159U);  // 100 + floor(479 / 8)
  limiter.ReportSampled(80);
  EXPECT_EQ(limiter.InsertAllowance(), 160U);
}

TEST(RateLimiterTest, LateAndDoubledReportsChangeNothing) {
  RateLimiter limiter(2, 10, 20);
  limiter.ReportInserted(30);
  limiter.ReportInserted(20);
  limiter.ReportSampled(5);
  limiter.ReportSampled(5);
  EXPECT_EQ(limiter.Inserted(), 30U);
  EXPECT_EQ(limiter.SampleAllowance(), 60U);
  EXPECT_EQ(limiter.InsertAllowance(), 22U);
}

TEST(RateLimiterTest, SaysWhoWaits) {
  RateLimiter limiter(8, 100, 400);
  EXPECT_EQ(limiter.WhoWaits(false, false), "");
  EXPECT_THAT(limiter.WhoWaits(false, true), HasSubstr("0 of 100"));
  limiter.ReportInserted(150);
  EXPECT_THAT(limiter.WhoWaits(true, false), HasSubstr("actors wait"));
  EXPECT_THAT(limiter.WhoWaits(false, true), HasSubstr("learner waits"));
}

/// Brute force: both sides act as greedily as their last grant lets them, grants and reports
/// travel for a random time. The invariant must hold at every step, and neither side may starve.
TEST(RateLimiterTest, HoldsItsToleranceUnderLateReportsAndNeverStops) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const double ratio = std::pow(2, 8 * rng.Uniform() - 2);
    const std::uint64_t min_size = 1 + rng.Below(500);
    const std::uint64_t batch = 1 + rng.Below(64);
    const std::uint64_t chunk = 1 + rng.Below(64);
    const double tolerance = 2 * (static_cast<double>(batch) + ratio * static_cast<double>(chunk));
    RateLimiter limiter(ratio, min_size, tolerance);
    std::uint64_t inserted = 0;
    std::uint64_t sampled = 0;
    std::deque<std::pair<bool, std::uint64_t>> reports;  // on their way: (of inserts, count)
    std::uint64_t sample_grant = 0;
    std::uint64_t insert_grant = 0;
    for (int step = 0; step < 4000; ++step) {
      switch (rng.Below(5)) {
        case 0:
          if (inserted + chunk <= insert_grant) reports.emplace_back(true, inserted += chunk);
          break;
        case 1:
          if (sampled + batch <= sample_grant) reports.emplace_back(false, sampled += batch);
          break;
        case 2:
          if (!reports.empty()) {
            const auto [of_inserts, count] = reports.front();
            reports.pop_front();
            of_inserts ? limiter.ReportInserted(count) : limiter.ReportSampled(count);
          }
          break;
        case 3:
          sample_grant = limiter.SampleAllowance();
          break;
        default:
          insert_grant = limiter.InsertAllowance();
      }
      const double off = static_cast<double>(sampled) -
                         ratio * (static_cast<double>(inserted) - static_cast<double>(min_size));
      if (inserted >= min_size) {
        ASSERT_LE(std::abs(off), tolerance * (1 + 1e-12)) << inserted << " " << sampled;
      } else {
        ASSERT_EQ(sampled, 0U);
      }
    }
    EXPECT_GT(inserted, min_size);
    EXPECT_GT(sampled, 10 * batch);
  }
}

}  // namespace
}  // namespace stillhouse
