// Messages are as many as docs/scaling.md says; it extends these formulas on paper.
#include "tests/simulation/scale.h"

#include <gtest/gtest.h>

namespace stillhouse::simulation {
namespace {

class ScaleTest : public ::testing::TestWithParam<JobScale> {};

TEST_P(ScaleTest, MessagesAreAsManyAsDocumented) {
  const ScaleRates rates = MeasureScale(GetParam(), 4);
  EXPECT_TRUE(rates.violations.empty()) << ScaleTable(rates);
  EXPECT_EQ(rates.workers, GetParam().workers);
  EXPECT_GT(rates.updates, 50);
  int documented = 0;
  for (const auto& kind : rates.kinds) {
    if (kind.most == 0) continue;
    ++documented;
    EXPECT_LE(kind.counted, 1.1 * kind.most + 4) << kind.name << "\n" << ScaleTable(rates);
    EXPECT_GE(kind.counted, 0.9 * kind.least - 4) << kind.name << "\n" << ScaleTable(rates);
  }
  EXPECT_GE(documented, 14);
}

INSTANTIATE_TEST_SUITE_P(OfManySizes, ScaleTest,
                         ::testing::Values(JobScale{6, 2, 1}, JobScale{48, 4, 3},
                                           JobScale{100, 16, 4}, JobScale{100, 16, 4, 3}),
                         [](const auto& parameter) {
                           const JobScale& scale = parameter.param;
                           const std::string each = std::to_string(scale.shards_per_worker);
                           return std::to_string(scale.workers) + "Workers" +
                                  std::to_string(scale.shards) + "Shards" +
                                  (scale.shards_per_worker == 0 ? "" : each + "Each");
                         });

}  // namespace
}  // namespace stillhouse::simulation
