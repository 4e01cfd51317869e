#include "replay/version_lag.h"

#include <gtest/gtest.h>

namespace stillhouse::replay {
namespace {

TEST(VersionLagTest, IsZeroWithoutChunksAndForOnesFromTheFuture) {
  VersionLag lag;
  EXPECT_EQ(lag.Percentile99(), 0U);
  lag.Add(3, 5);
  EXPECT_EQ(lag.Percentile99(), 0U);
}

TEST(VersionLagTest, OneOfAHundredMayLagFurtherTwoMayNot) {
  VersionLag lag;
  for (int i = 0; i < 98; ++i) lag.Add(10, 9);
  lag.Add(10, 3);
  EXPECT_EQ(lag.Percentile99(), 7U);  // one of 99: 98.99 % are at most 1
  lag.Add(10, 10);
  EXPECT_EQ(lag.Percentile99(), 1U);
  lag.Add(10, 2);
  EXPECT_EQ(lag.Percentile99(), 7U);
}

TEST(VersionLagTest, ForgetsWhatLeftTheWindow) {
  VersionLag lag;
  for (std::size_t i = 0; i < VersionLag::kWindow; ++i) lag.Add(1000, 0);
  EXPECT_EQ(lag.Percentile99(), VersionLag::kMost);
  for (std::size_t i = 0; i < VersionLag::kWindow; ++i) lag.Add(1000, 998);
  EXPECT_EQ(lag.Percentile99(), 2U);
}

}  // namespace
}  // namespace stillhouse::replay
