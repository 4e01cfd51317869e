// losses/{td_targets,huber_td,dueling,c51,quantile_huber}.json
#include <gtest/gtest.h>

#include "learner/nn/dueling.h"
#include "learner/td/categorical.h"
#include "learner/td/quantile.h"
#include "learner/td/td_losses.h"
#include "learner/td/td_targets.h"
#include "tests/conformance_suite/golden_check.h"

namespace stillhouse::learner {
namespace {

using stillhouse::testing::As;
using stillhouse::testing::CheckedCase;
using stillhouse::testing::Columns;
using stillhouse::testing::Expect;
using stillhouse::testing::ForEachCase;
using stillhouse::testing::LossCases;

template <typename T>
void CheckTargets(const CheckedCase& golden, T) {
  const auto rewards = As<T>(golden.Input("reward"));
  auto discounts = As<T>(golden.Input("terminated"));
  for (T& value : discounts) value = (1 - value) * static_cast<T>(golden.Number("gamma"));
  const auto online = As<T>(golden.Input("q_next_online"));
  const auto target = As<T>(golden.Input("q_next_target"));
  const auto legal = As<std::uint8_t>(golden.Input("next_legal"));
  TdRows<T> rows{Columns(golden.Input("q_next_online")), rewards, discounts, target, online};
  Expect(golden, "one_step", OneStepTargets(rows));
  Expect(golden, "double", DoubleTargets(rows));
  rows.legal = legal;
  Expect(golden, "one_step_masked", OneStepTargets(rows));
  Expect(golden, "double_masked", DoubleTargets(rows));
}

TEST(LossesConformanceTest, TdTargets) {
  ForEachCase("td_targets", [](const auto& golden, auto type) { CheckTargets(golden, type); });
}

template <typename T>
void CheckTdLoss(const CheckedCase& golden, T) {
  const auto q = As<T>(golden.Input("q"));
  const auto actions = As<std::int32_t>(golden.Input("action"));
  const auto targets = As<T>(golden.Input("target"));
  const auto weights = As<T>(golden.Input("weight"));
  const auto delta = static_cast<T>(golden.Number("delta"));
  const auto compute = [&](AlgorithmSettings::Loss kind) {
    return ComputeTdLoss<T>(Columns(golden.Input("q")), q, actions, targets, weights, kind, delta);
  };
  auto huber = compute(AlgorithmSettings::Loss::kHuber);
  Expect(golden, "abs_td", huber.td_errors);
  Expect(golden, "per_sample", huber.per_sample);
  Expect(golden, "loss", huber.loss);
  Expect(golden, "grad_q", huber.q_gradient);
  for (T& value : huber.q_gradient) value /= delta;
  Expect(golden, "smooth_l1_loss", huber.loss / delta);
  Expect(golden, "smooth_l1_grad_q", huber.q_gradient);
  const auto squared = compute(AlgorithmSettings::Loss::kSquared);
  Expect(golden, "mse_loss", squared.loss);
  Expect(golden, "mse_grad_q", squared.q_gradient);
}

TEST(LossesConformanceTest, TdLosses) {
  ForEachCase("huber_td", [](const auto& golden, auto type) { CheckTdLoss(golden, type); });
}

template <typename T>
void CheckDueling(const CheckedCase& golden, T) {
  const auto value = As<T>(golden.Input("value"));
  const auto advantage = As<T>(golden.Input("advantage"));
  const auto cotangent = As<T>(golden.Input("cotangent"));
  const auto& shape = golden.Input("advantage").shape;
  const std::int64_t size = shape[1] * shape[2];
  std::vector<T> q(advantage.size()), value_gradient(value.size());
  std::vector<T> advantage_gradient(advantage.size());
  for (std::int64_t row = 0; row < shape[0]; ++row) {
    DuelingRow(value.data() + row * shape[2], advantage.data() + row * size, shape[1], shape[2],
               q.data() + row * size);
    DuelingRowGradient(cotangent.data() + row * size, shape[1], shape[2],
                       value_gradient.data() + row * shape[2],
                       advantage_gradient.data() + row * size);
  }
  Expect(golden, "q_mean", q);
  Expect(golden, "grad_value_mean", value_gradient);
  Expect(golden, "grad_advantage_mean", advantage_gradient);
}

TEST(LossesConformanceTest, DuelingWithTheMean) {
  // The head divides by the mean; the variant with the maximum has no use here.
  ForEachCase("dueling", [](const auto& golden, auto type) { CheckDueling(golden, type); },
              {"q_max"});
}

template <typename T>
void CheckCategorical(const CheckedCase& golden, T) {
  const AtomSupport support{static_cast<std::size_t>(golden.Number("atoms")),
                            golden.Number("v_min"), golden.Number("v_max")};
  const auto rewards = As<T>(golden.Input("reward"));
  auto discounts = As<T>(golden.Input("terminated"));
  for (T& value : discounts) value = (1 - value) * static_cast<T>(golden.Number("gamma"));
  const auto next = As<T>(golden.Input("next_probs"));
  const auto logits = As<T>(golden.Input("logits"));
  const auto weights = As<T>(golden.Input("weight"));
  const auto projected = ProjectDistribution<T>(support, rewards, discounts, next);
  const auto loss = CategoricalLoss<T>(support.atoms, projected, logits, weights);
  Expect(golden, "projected", projected);
  Expect(golden, "q_next", ExpectedValues<T>(support, next));
  Expect(golden, "per_sample", loss.per_sample);
  Expect(golden, "loss", loss.loss);
  Expect(golden, "grad_logits", loss.gradient);
}

TEST(LossesConformanceTest, CategoricalTd) {
  ForEachCase("c51", [](const auto& golden, auto type) { CheckCategorical(golden, type); });
}

template <typename T>
void CheckQuantiles(const CheckedCase& golden, T) {
  const auto theta = As<T>(golden.Input("theta"));
  const auto tau = As<T>(golden.Input("tau"));
  const auto target = As<T>(golden.Input("target"));
  const auto weights = As<T>(golden.Input("weight"));
  const auto compute = [&](QuantileReduction reduction) {
    return QuantileHuberLoss<T>(theta, tau, target, weights, static_cast<T>(golden.Number("kappa")),
                                reduction);
  };
  const auto sum = compute(QuantileReduction::kSum);
  Expect(golden, "per_sample_sum", sum.per_sample);
  Expect(golden, "loss_sum", sum.loss);
  Expect(golden, "grad_theta_sum", sum.gradient);
  const auto mean = compute(QuantileReduction::kMean);
  Expect(golden, "loss_mean", mean.loss);
  Expect(golden, "grad_theta_mean", mean.gradient);
}

TEST(LossesConformanceTest, QuantileRegression) {
  ForEachCase("quantile_huber",
              [](const auto& golden, auto type) { CheckQuantiles(golden, type); });
}

TEST(LossesConformanceTest, EveryTopicHasATest) {
  if (LossCases().empty()) GTEST_SKIP() << "no conformance data";
  const std::set<std::string> known = {"td_targets",
                                       "huber_td",
                                       "dueling",
                                       "c51",
                                       "quantile_huber",
                                       "distill_kl",
                                       "distill_masked",
                                       "distill_q",
                                       "distill_labels",
                                       "distill_many",
                                       "distill_features",
                                       "n_step",
                                       "per",
                                       "sum_tree"};  // replay_conformance_test.cc
  for (const auto& [topic, cases] : LossCases()) EXPECT_EQ(known.count(topic), 1U) << topic;
}

}  // namespace
}  // namespace stillhouse::learner
