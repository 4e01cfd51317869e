#include "common/telemetry/process_stats.h"

#include <vector>

#include <gtest/gtest.h>

namespace stillhouse {
namespace {

TEST(ProcessStatsTest, CpuSecondsGrowWithWork) {
  const double before = ProcessCpuSeconds();
  volatile double sink = 0;
  while (ProcessCpuSeconds() - before < 0.005) sink = sink + 1;
  EXPECT_GT(ProcessCpuSeconds(), before);
}

TEST(ProcessStatsTest, RssCountsTouchedMemory) {
  const auto before = ProcessRssBytes();
  ASSERT_GT(before, 0U);
  std::vector<char> block(64 << 20, 1);
  EXPECT_GT(ProcessRssBytes(), before + (32U << 20)) << block[5];
}

TEST(BusyMeterTest, IsZeroWithoutElapsedTimeAndCountsSinceTheLastLook) {
  BusyMeter meter(FromSeconds(1));
  EXPECT_EQ(meter.Take(FromSeconds(1)), 0);
  // Hardly any CPU was used here against an hour of (virtual) time.
  EXPECT_LT(meter.Take(FromSeconds(3601)), 0.01);
}

TEST(ProcessStatsTest, NamesTheHost) { EXPECT_FALSE(HostName().empty()); }

}  // namespace
}  // namespace stillhouse
