// stats/stats.json against common/run/evaluation_statistics: interquartile means, percentiles and
// means, plain and of the file's bootstrap replicates. The file's other kinds (rank correlation,
// probability of improvement, profiles) have no function here yet.
#include <vector>

#include <gtest/gtest.h>

#include "common/run/evaluation_statistics.h"
#include "tests/support/conformance_data.h"

namespace stillhouse {
namespace {

using stillhouse::testing::ConformanceDirectory;
using stillhouse::testing::GoldenCase;
using stillhouse::testing::GoldenCases;
using stillhouse::testing::GoldenTensor;

/// Skips the test when there is no data at all, fails it when the file holds no case. A case's
/// kind shows in what it gives and expects.
class StatsConformanceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(ConformanceDirectory())) {
      GTEST_SKIP() << ConformanceDirectory() << " is missing";
    }
    cases_ = GoldenCases("stats", "stats");
    ASSERT_FALSE(cases_.empty()) << "no cases in stats/stats.json";
  }

  std::vector<GoldenCase> Giving(const std::string& input, const std::string& expected) const {
    std::vector<GoldenCase> found;
    for (const auto& golden : cases_) {
      if (golden.inputs.contains(input) && golden.HasExpected(expected)) found.push_back(golden);
    }
    return found;
  }

  std::vector<GoldenCase> cases_;
};

void ExpectMatch(const GoldenCase& golden, const std::string& key, const std::vector<double>& got) {
  EXPECT_EQ(golden.Mismatch(key, got), "") << golden.name << " " << key;
}

TEST_F(StatsConformanceTest, InterquartileMeansMatchScipy) {
  const auto cases = Giving("values", "iqm");
  ASSERT_FALSE(cases.empty());
  for (const auto& golden : cases) {
    ExpectMatch(golden, "iqm", {InterquartileMean(golden.Input("values").data)});
  }
}

TEST_F(StatsConformanceTest, PercentilesMatchNumpy) {
  const auto cases = Giving("values", "percentile");
  ASSERT_FALSE(cases.empty());
  for (const auto& golden : cases) {
    std::vector<double> got;
    for (const double q : golden.params.at("q")) {
      got.push_back(Percentile(golden.Input("values").data, q));
    }
    ExpectMatch(golden, "percentile", got);
  }
}

/// scores'[r, m] = scores[resample[b, r, m], m] for one replicate b.
std::vector<double> Resampled(const GoldenTensor& scores, const GoldenTensor& resample,
                              std::size_t replicate) {
  const auto tasks = static_cast<std::size_t>(scores.shape[1]);
  std::vector<double> values(scores.Size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double run = resample.data[replicate * values.size() + i];
    values[i] = scores.data[static_cast<std::size_t>(run) * tasks + i % tasks];
  }
  return values;
}

TEST_F(StatsConformanceTest, AggregatesAndTheirBootstrapIntervalsMatch) {
  const auto cases = Giving("resample", "iqm_replicates");
  ASSERT_FALSE(cases.empty());
  for (const auto& golden : cases) {
    const GoldenTensor& scores = golden.Input("scores");
    const GoldenTensor& resample = golden.Input("resample");
    // Every task has as many runs, so the mean of the task means is the mean of all.
    ExpectMatch(golden, "iqm", {InterquartileMean(scores.data)});
    ExpectMatch(golden, "mean", {Mean(scores.data)});
    std::vector<double> iqms;
    std::vector<double> means;
    for (std::size_t b = 0; b < static_cast<std::size_t>(resample.shape[0]); ++b) {
      const auto values = Resampled(scores, resample, b);
      iqms.push_back(InterquartileMean(values));
      means.push_back(Mean(values));
    }
    ExpectMatch(golden, "iqm_replicates", iqms);
    ExpectMatch(golden, "mean_replicates", means);
    ExpectMatch(golden, "iqm_ci95", {Percentile(iqms, 2.5), Percentile(iqms, 97.5)});
    ExpectMatch(golden, "mean_ci95", {Percentile(means, 2.5), Percentile(means, 97.5)});
    ExpectMatch(golden, "iqm_ci90", {Percentile(iqms, 5), Percentile(iqms, 95)});
  }
}

}  // namespace
}  // namespace stillhouse
