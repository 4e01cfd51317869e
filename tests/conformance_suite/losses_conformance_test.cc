// losses/{td_targets,huber_td,dueling,distill_kl,distill_q,distill_masked}.json
#include <algorithm>

#include <gtest/gtest.h>

#include "learner/distill/output_losses.h"
#include "learner/nn/dueling.h"
#include "learner/td/td_losses.h"
#include "learner/td/td_targets.h"
#include "tests/support/conformance_data.h"

namespace stillhouse::learner {
namespace {

using stillhouse::testing::ConformanceDirectory;
using stillhouse::testing::GoldenCase;
using stillhouse::testing::GoldenCases;
using stillhouse::testing::GoldenTensor;

template <typename T>
std::vector<T> As(const GoldenTensor& tensor) {
  return std::vector<T>(tensor.data.begin(), tensor.data.end());
}

template <typename T>
void Expect(const GoldenCase& golden, const std::string& key, const std::vector<T>& got) {
  if (!golden.HasExpected(key)) return;
  EXPECT_EQ(golden.Mismatch(key, std::vector<double>(got.begin(), got.end())), "") << key;
}

template <typename T>
void Expect(const GoldenCase& golden, const std::string& key, T got) {
  Expect(golden, key, std::vector<T>{got});
}

std::size_t Actions(const GoldenTensor& tensor) {
  return static_cast<std::size_t>(tensor.shape.at(1));
}

/// Calls check(golden, T{}) for every case of a topic, T its dtype.
template <typename Check>
void ForEachCase(const std::string& topic, Check check) {
  if (!std::filesystem::is_directory(ConformanceDirectory() / "losses")) {
    GTEST_SKIP() << "no directory " << ConformanceDirectory() / "losses";
  }
  const auto cases = GoldenCases("losses", topic);
  ASSERT_FALSE(cases.empty()) << topic;
  for (const GoldenCase& golden : cases) {
    SCOPED_TRACE(topic + ": " + golden.name + " " + golden.dtype);
    if (golden.dtype == "float32") {
      check(golden, float{});
    } else {
      check(golden, double{});
    }
  }
}

template <typename T>
void CheckTargets(const GoldenCase& golden, T) {
  const auto rewards = As<T>(golden.Input("reward"));
  auto discounts = As<T>(golden.Input("terminated"));
  for (T& value : discounts) value = (1 - value) * static_cast<T>(golden.Number("gamma"));
  const auto online = As<T>(golden.Input("q_next_online"));
  const auto target = As<T>(golden.Input("q_next_target"));
  const auto legal = As<std::uint8_t>(golden.Input("next_legal"));
  TdRows<T> rows{Actions(golden.Input("q_next_online")), rewards, discounts, target, online};
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
void CheckTdLoss(const GoldenCase& golden, T) {
  const auto q = As<T>(golden.Input("q"));
  const auto actions = As<std::int32_t>(golden.Input("action"));
  const auto targets = As<T>(golden.Input("target"));
  const auto weights = As<T>(golden.Input("weight"));
  const auto delta = static_cast<T>(golden.Number("delta"));
  const auto compute = [&](AlgorithmSettings::Loss kind) {
    return ComputeTdLoss<T>(Actions(golden.Input("q")), q, actions, targets, weights, kind, delta);
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
void CheckDueling(const GoldenCase& golden, T) {
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
  ForEachCase("dueling", [](const auto& golden, auto type) { CheckDueling(golden, type); });
}

/// Inputs of a distillation case, and its losses under the names of the file.
template <typename T>
class DistillCase {
 public:
  DistillCase(const GoldenCase& golden, const std::string& teacher, const std::string& temperature)
      : golden_(golden),
        temperature_(golden.Number(temperature)),
        student_(As<T>(golden.Input("student"))),
        teacher_(As<T>(golden.Input(teacher))) {
    if (golden.inputs.count("legal") > 0) legal_ = As<std::uint8_t>(golden.Input("legal"));
    if (golden.inputs.count("weight") > 0) weights_ = As<T>(golden.Input("weight"));
  }

  OutputLoss<T> Compute(LossKind kind, Temper temper, bool tau_squared = false,
                        bool weighted = false) const {
    OutputRows<T> rows{Actions(golden_.Input("student")), student_, teacher_};
    rows.legal = legal_;
    if (weighted) rows.weights = weights_;
    return ComputeOutputLoss(DistillLossSettings{kind, temper, temperature_, tau_squared}, rows);
  }

  void ExpectLoss(const std::string& name, const OutputLoss<T>& loss) const {
    Expect(golden_, name, loss.loss);
    Expect(golden_, "grad_" + name, loss.gradient);
  }

  void ExpectBothDirections() const {
    for (const auto& [name, kind] :
         {std::pair("forward", LossKind::kKl), std::pair("reverse", LossKind::kKlReverse)}) {
      const std::string key = name;
      const auto loss = Compute(kind, Temper::kBoth);
      ExpectLoss(key, loss);
      Expect(golden_, key + "_per_sample", loss.per_sample);
      ExpectLoss(key + "_t2", Compute(kind, Temper::kBoth, true));
      if (!weights_.empty()) {
        ExpectLoss(key + "_weighted", Compute(kind, Temper::kBoth, false, true));
      }
    }
  }

  std::size_t Legal() const {
    return static_cast<std::size_t>(std::count(legal_.begin(), legal_.end(), 1));
  }

 private:
  const GoldenCase& golden_;
  const double temperature_;
  const std::vector<T> student_;
  const std::vector<T> teacher_;
  std::vector<T> weights_;
  std::vector<std::uint8_t> legal_;
};

TEST(LossesConformanceTest, KlDivergencesOfTemperedOutputs) {
  ForEachCase("distill_kl", [](const auto& golden, auto type) {
    const DistillCase<decltype(type)> distill(golden, "teacher", "temperature");
    distill.ExpectBothDirections();
    distill.ExpectLoss("jensen_shannon", distill.Compute(LossKind::kJs, Temper::kBoth));
  });
}

TEST(LossesConformanceTest, LossesOverLegalActionsOnly) {
  ForEachCase("distill_masked", [](const auto& golden, auto type) {
    using T = decltype(type);
    const DistillCase<T> distill(golden, "teacher", "temperature");
    distill.ExpectBothDirections();
    distill.ExpectLoss("nll", distill.Compute(LossKind::kNll, Temper::kBoth));
    // The file divides by the legal entries of the batch, we by its rows.
    const auto rows = golden.Input("student").shape[0];
    Expect(golden, "mse_legal",
           distill.Compute(LossKind::kMse, Temper::kBoth).loss * static_cast<T>(rows) /
               static_cast<T>(distill.Legal()));
  });
}

TEST(LossesConformanceTest, LossesOfQValues) {
  ForEachCase("distill_q", [](const auto& golden, auto type) {
    using T = decltype(type);
    const DistillCase<T> distill(golden, "teacher_q", "tau");
    distill.ExpectLoss("rusu_kl", distill.Compute(LossKind::kKl, Temper::kTeacher));
    distill.ExpectLoss("nll", distill.Compute(LossKind::kNll, Temper::kTeacher));
    auto squared = distill.Compute(LossKind::kMse, Temper::kTeacher);
    distill.ExpectLoss("mse_sum_actions", squared);
    const auto actions = static_cast<T>(Actions(golden.Input("student")));
    squared.loss /= actions;
    for (T& value : squared.gradient) value /= actions;
    distill.ExpectLoss("mse_mean", squared);
  });
}

}  // namespace
}  // namespace stillhouse::learner
