// stats/*.json against common/run/{evaluation_statistics,score_matrix,rank_statistics}: every case
// of every kind, and every value that it expects.
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/run/evaluation_statistics.h"
#include "common/run/rank_statistics.h"
#include "common/run/score_matrix.h"
#include "tests/support/conformance_data.h"

namespace stillhouse {
namespace {

using stillhouse::testing::ConformanceDirectory;
using stillhouse::testing::GoldenCase;
using stillhouse::testing::GoldenTensor;
using stillhouse::testing::ListConformanceFiles;
using stillhouse::testing::ReadGolden;

/// What we say to a case: name of the expected value -> ours.
using Answers = std::map<std::string, std::vector<double>>;

ScoreMatrix Matrix(const GoldenTensor& tensor) {
  return {static_cast<std::size_t>(tensor.shape.at(0)),
          static_cast<std::size_t>(tensor.shape.at(1)), tensor.data};
}

std::vector<double> Flat(const ScoreMatrix& matrix) {
  return {matrix.Values().begin(), matrix.Values().end()};
}

Answers Aggregate(const GoldenCase& golden) {
  const ScoreMatrix scores = Matrix(golden.Input("scores"));
  const auto taus = golden.params.at("taus").get<std::vector<double>>();
  Answers answers{{"task_mean", TaskMeans(scores)},
                  {"task_std", TaskDeviations(scores)},
                  {"profile", PerformanceProfile(scores, taus)}};
  const std::map<std::string, MatrixStatistic> statistics{
      {"iqm", [](const ScoreMatrix& s) { return InterquartileMean(s); }},
      {"mean", MeanOverTasks},
      {"median", MedianOverTasks},
      {"optimality_gap", OptimalityGap}};
  const GoldenTensor& resample = golden.Input("resample");
  const std::size_t cells = scores.Values().size();
  for (const auto& [name, statistic] : statistics) {
    answers[name] = {statistic(scores)};
    std::vector<double> replicates;
    for (std::size_t b = 0; b < static_cast<std::size_t>(resample.shape.at(0)); ++b) {
      std::vector<std::size_t> runs(cells);
      for (std::size_t i = 0; i < cells; ++i) {
        runs[i] = static_cast<std::size_t>(resample.data[b * cells + i]);
      }
      replicates.push_back(statistic(scores.Resampled(runs)));
    }
    answers[name + "_ci95"] = {Percentile(replicates, 2.5), Percentile(replicates, 97.5)};
    answers[name + "_ci90"] = {Percentile(replicates, 5), Percentile(replicates, 95)};
    answers[name + "_replicates"] = std::move(replicates);
  }
  return answers;
}

Answers Iqm(const GoldenCase& golden) {
  return {{"iqm", {InterquartileMean(golden.Input("values").data)}}};
}

Answers Percentiles(const GoldenCase& golden) {
  std::vector<double> percentiles;
  for (const double q : golden.params.at("q")) {
    percentiles.push_back(Percentile(golden.Input("values").data, q));
  }
  return {{"percentile", percentiles}};
}

Answers Improvement(const GoldenCase& golden) {
  const auto per_task =
      ProbabilityOfImprovement(Matrix(golden.Input("x")), Matrix(golden.Input("y")));
  return {{"per_task", per_task}, {"mean", {Mean(per_task)}}};
}

Answers Rank(const GoldenCase& golden) {
  const auto& x = golden.Input("x").data;
  const auto& y = golden.Input("y").data;
  return {{"ranks_x", Ranks(x)},
          {"ranks_y", Ranks(y)},
          {"spearman", {SpearmanCorrelation(x, y)}},
          {"kendall_tau_b", {KendallTauB(x, y)}}};
}

Answers AverageRank(const GoldenCase& golden) {
  const ScoreMatrix scores = Matrix(golden.Input("scores"));
  return {{"ranks", Flat(MethodRanks(scores))}, {"average_rank", AverageRanks(scores)}};
}

const std::map<std::string, std::function<Answers(const GoldenCase&)>>& Kinds() {
  static const std::map<std::string, std::function<Answers(const GoldenCase&)>> kinds{
      {"aggregate", Aggregate},
      {"iqm", Iqm},
      {"percentile", Percentiles},
      {"probability_of_improvement", Improvement},
      {"rank", Rank},
      {"average_rank", AverageRank}};
  return kinds;
}

/// Checks all that the case expects; what we have no answer to is a failure.
void Check(const GoldenCase& golden) {
  const auto kind = Kinds().find(golden.kind);
  if (kind == Kinds().end()) {
    ADD_FAILURE() << golden.name << ": unknown kind '" << golden.kind << "'";
    return;
  }
  const Answers answers = kind->second(golden);
  EXPECT_FALSE(golden.expected.empty()) << golden.name;
  for (const auto& [key, value] : golden.expected) {
    const auto answer = answers.find(key);
    if (answer == answers.end()) {
      ADD_FAILURE() << golden.name << ": nothing answers '" << key << "'";
    } else {
      EXPECT_EQ(golden.Mismatch(key, answer->second), "") << golden.name << " " << key;
    }
  }
}

/// Of stats/*.json, all files.
std::vector<GoldenCase> AllCases() {
  std::vector<GoldenCase> cases;
  for (const auto& file : ListConformanceFiles("stats", ".json")) {
    for (auto& golden : ReadGolden(file)) cases.push_back(std::move(golden));
  }
  return cases;
}

TEST(StatsConformanceTest, EveryValueOfEveryCaseMatchesScipyAndNumpy) {
  if (!std::filesystem::exists(ConformanceDirectory())) {
    GTEST_SKIP() << ConformanceDirectory() << " is missing";
  }
  const auto cases = AllCases();
  ASSERT_FALSE(cases.empty()) << "no cases in stats/*.json";
  for (const auto& golden : cases) Check(golden);
}

TEST(StatsConformanceTest, TheDataHasEveryKindThatWeKnow) {
  if (!std::filesystem::exists(ConformanceDirectory())) {
    GTEST_SKIP() << ConformanceDirectory() << " is missing";
  }
  std::set<std::string> seen;
  for (const auto& golden : AllCases()) seen.insert(golden.kind);
  for (const auto& [kind, answer] : Kinds()) EXPECT_TRUE(seen.contains(kind)) << kind;
}

}  // namespace
}  // namespace stillhouse
