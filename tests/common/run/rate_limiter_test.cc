#include "common/run/rate_limiter.h"

#include <cmath>
#include <deque>
#include <numeric>

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

TEST(RateLimiterTest, ResumedLetsAWholeChunkInOnTopOfTheRefill) {
  // The checkpoint's samples are at the lower end of the tolerance: they allow nothing more.
  RateLimiter limiter(2, 100, 40);
  limiter.Resume(500, 2 * (500 - 100) - 40);
  // Chunks of 16 never add up to exactly 100: without room for the last one sampling never begins.
  EXPECT_EQ(limiter.InsertAllowance(), 500U + 100U + 20U);
  limiter.ReportInserted(592);
  EXPECT_EQ(limiter.SampleAllowance(), 760U);
  limiter.ReportInserted(608);
  EXPECT_EQ(limiter.SampleAllowance(), 2U * 508U + 40U);
}

TEST(ShareOutTest, GivesWhatIsLeftToTheShardsWithTheLeastRoom) {
  using Counts = std::vector<std::uint64_t>;
  EXPECT_EQ(ShareOut(100, Counts{0, 0}, Counts{0, 0}), (Counts{50, 50}));
  // Shard 0 has used its 50: what shard 1 has not used is not given out a second time.
  EXPECT_EQ(ShareOut(100, Counts{50, 0}, Counts{50, 50}), (Counts{50, 50}));
  EXPECT_EQ(ShareOut(120, Counts{50, 0}, Counts{50, 50}), (Counts{70, 50}));
  EXPECT_EQ(ShareOut(200, Counts{50, 0}, Counts{50, 50}), (Counts{125, 75}));
  // Grants do not fall.
  EXPECT_EQ(ShareOut(10, Counts{50, 0}, Counts{50, 50}), (Counts{50, 50}));
  // Every shard has died.
  EXPECT_EQ(ShareOut(10, Counts{}, Counts{}), Counts{});
}

TEST(ShareOutTest, NeverGivesOutMoreThanTheWholeStoresAllowance) {
  const std::uint64_t seed = 11;
  SCOPED_TRACE(seed);
  Rng rng(seed);
  for (int round = 0; round < 200; ++round) {
    const std::size_t shards = 1 + rng.Below(5);
    std::vector<std::uint64_t> granted(shards, 0);
    std::vector<std::uint64_t> inserted(shards, 0);
    std::vector<std::uint64_t> reported(shards, 0);
    std::uint64_t allowance = 0;
    for (int step = 0; step < 200; ++step) {
      allowance += rng.Below(50);
      const std::size_t shard = rng.Below(shards);
      inserted[shard] += rng.Below(granted[shard] - inserted[shard] + 1);
      if (rng.Below(2) == 0) reported[shard] = inserted[shard];
      const auto grants = ShareOut(allowance, reported, granted);
      for (std::size_t k = 0; k < shards; ++k) ASSERT_GE(grants[k], granted[k]);
      granted = grants;
      ASSERT_LE(std::accumulate(granted.begin(), granted.end(), std::uint64_t{0}), allowance);
    }
    // All but what does not divide is given out.
    EXPECT_GT(std::accumulate(granted.begin(), granted.end(), std::uint64_t{0}) + shards,
              allowance);
  }
}

}  // namespace
}  // namespace stillhouse
