#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "replay/draw.h"
#include "replay/n_step.h"
#include "replay/priority.h"
#include "replay/sum_tree.h"
#include "tests/support/conformance_data.h"

namespace stillhouse::replay {
namespace {

using stillhouse::testing::ConformanceDirectory;
using stillhouse::testing::GoldenCase;
using stillhouse::testing::GoldenCases;

std::vector<GoldenCase> CasesOf(const std::string& topic) {
  const auto cases = GoldenCases("losses", topic);
  EXPECT_FALSE(cases.empty()) << topic << ".json holds no cases";
  return cases;
}

bool Missing() { return !std::filesystem::is_directory(ConformanceDirectory()); }

template <typename T>
std::vector<double> Doubles(const std::vector<T>& values) {
  std::vector<double> result;
  for (const T& value : values) result.push_back(static_cast<double>(value));
  return result;
}

TEST(ReplayConformanceTest, PrioritiesProbabilitiesAndWeightsAreNumpys) {
  if (Missing()) GTEST_SKIP() << "no conformance data";
  for (const GoldenCase& golden : CasesOf("per")) {
    std::vector<double> priority;
    for (const double error : golden.Input("td_error").data) {
      priority.push_back(Priority(error, golden.Number("alpha"), golden.Number("epsilon")));
    }
    const double sum = std::accumulate(priority.begin(), priority.end(), 0.0);
    std::vector<double> probability;
    for (const double p : priority) probability.push_back(p / sum);
    EXPECT_EQ(golden.Mismatch("priority", priority), "");
    EXPECT_EQ(golden.Mismatch("probability", probability), "");

    const auto size = static_cast<double>(priority.size());
    const double beta = golden.Number("beta");
    const double least = *std::min_element(probability.begin(), probability.end());
    const auto over_all = ImportanceWeights(probability, size, beta, least);
    EXPECT_EQ(golden.Mismatch("weight_over_all_max", over_all), "");
    const double most = std::pow(size * least, -beta);
    std::vector<double> raw;
    for (const double weight : over_all) raw.push_back(weight * most);
    EXPECT_EQ(golden.Mismatch("weight_raw", raw), "");

    std::vector<double> drawn;
    for (const auto i : golden.Input("sampled").Integers()) {
      drawn.push_back(probability[static_cast<std::size_t>(i)]);
    }
    EXPECT_EQ(
        golden.Mismatch("sampled_weight_over_batch_max", ImportanceWeights(drawn, size, beta)), "");
    EXPECT_EQ(
        golden.Mismatch("sampled_weight_over_all_max", ImportanceWeights(drawn, size, beta, least)),
        "");
  }
}

SumTree TreeOf(const GoldenCase& golden) {
  const auto& initial = golden.Input("initial").data;
  SumTree tree(static_cast<std::size_t>(golden.Number("capacity")), true);
  tree.SetRange(0, initial);
  const auto index = golden.Input("update_index").Integers();
  const auto& value = golden.Input("update_value").data;
  for (std::size_t i = 0; i < index.size(); ++i) {
    tree.Set(static_cast<std::size_t>(index[i]), value[i]);
  }
  return tree;
}

TEST(ReplayConformanceTest, TheSumTreeFindsWhatCumulativeSumsFind) {
  if (Missing()) GTEST_SKIP() << "no conformance data";
  for (const GoldenCase& golden : CasesOf("sum_tree")) {
    const SumTree tree = TreeOf(golden);
    double most = 0;
    for (std::size_t i = 0; i < tree.Capacity(); ++i) most = std::max(most, tree.Get(i));
    EXPECT_EQ(golden.Mismatch("total", {tree.Total()}), "");
    EXPECT_EQ(golden.Mismatch("min_positive", {tree.MinPositive()}), "");
    EXPECT_EQ(golden.Mismatch("max", {most}), "");

    const auto mass = StratifiedMasses(golden.Input("uniform").data, tree.Total());
    std::vector<std::size_t> index(mass.size());
    tree.FindBatch(mass, index);
    EXPECT_EQ(golden.Mismatch("mass", mass), "");
    EXPECT_EQ(golden.Mismatch("index", Doubles(index)), "");

    std::vector<std::size_t> border;
    for (const double at : golden.Expected("border_mass").data) border.push_back(tree.Find(at));
    EXPECT_EQ(golden.Mismatch("border_index", Doubles(border)), "");
  }
}

TEST(ReplayConformanceTest, ShardsTogetherDrawWhatOneTreeDraws) {
  if (Missing()) GTEST_SKIP() << "no conformance data";
  for (const GoldenCase& golden : CasesOf("sum_tree")) {
    const SumTree whole = TreeOf(golden);
    std::vector<SumTree> trees;
    std::vector<double> totals;
    std::vector<std::size_t> firsts;
    std::size_t first = 0;
    for (const auto size : golden.Input("shard_sizes").Integers()) {
      firsts.push_back(first);
      trees.emplace_back(static_cast<std::size_t>(size));
      for (std::size_t i = 0; i < trees.back().Capacity(); ++i) {
        trees.back().Set(i, whole.Get(first++));
      }
      totals.push_back(trees.back().Total());
    }
    EXPECT_EQ(golden.Mismatch("shard_total", totals), "");

    const double total = std::accumulate(totals.begin(), totals.end(), 0.0);
    const auto mass = StratifiedMasses(golden.Input("uniform").data, total);
    const ShardDraw draw = SplitMasses(mass, totals);
    EXPECT_EQ(golden.Mismatch("shard", Doubles(draw.shards)), "");
    std::vector<std::size_t> next(trees.size(), 0);
    std::vector<double> index;
    std::vector<double> index_in_shard;
    for (const std::uint32_t k : draw.shards) {
      const std::size_t i = trees[k].Find(draw.offsets[k][next[k]++]);
      index_in_shard.push_back(static_cast<double>(i));
      index.push_back(static_cast<double>(firsts[k] + i));
    }
    EXPECT_EQ(golden.Mismatch("index_in_shard", index_in_shard), "");
    EXPECT_EQ(golden.Mismatch("index", index), "");
  }
}

TEST(ReplayConformanceTest, NStepReturnsAreThoseOfTheBruteForceLoop) {
  if (Missing()) GTEST_SKIP() << "no conformance data";
  for (const GoldenCase& golden : CasesOf("n_step")) {
    const auto& reward = golden.Input("reward").data;
    const auto& terminated = golden.Input("terminated").data;
    const auto& truncated = golden.Input("truncated").data;
    const auto& v_next = golden.Input("v_next").data;
    std::vector<double> ret;
    std::vector<double> length;
    std::vector<double> discount;
    std::vector<double> target;
    for (std::size_t t = 0; t < reward.size(); ++t) {
      const NStepReturn got = ComputeNStep(
          [&](std::size_t k) { return reward[t + k]; },
          [&](std::size_t k) {
            return static_cast<std::uint8_t>((terminated[t + k] != 0 ? kTerminated : 0) |
                                             (truncated[t + k] != 0 ? kTruncated : 0));
          },
          reward.size() - t, static_cast<std::uint32_t>(golden.Number("n")),
          golden.Number("gamma"));
      ret.push_back(got.ret);
      length.push_back(got.length);
      discount.push_back(got.discount);
      target.push_back(got.ret + got.discount * v_next[t + got.length - 1]);
    }
    EXPECT_EQ(golden.Mismatch("ret", ret), "");
    EXPECT_EQ(golden.Mismatch("length", length), "");
    EXPECT_EQ(golden.Mismatch("discount", discount), "");
    EXPECT_EQ(golden.Mismatch("target", target), "");
  }
}

}  // namespace
}  // namespace stillhouse::replay
