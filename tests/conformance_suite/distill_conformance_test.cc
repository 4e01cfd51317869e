// losses/distill_{kl,q,masked,labels,many}.json
#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "learner/distill/loss_row.h"
#include "learner/distill/many_models.h"
#include "learner/distill/output_losses.h"
#include "tests/conformance_suite/golden_check.h"

namespace stillhouse::learner {
namespace {

using stillhouse::testing::As;
using stillhouse::testing::CheckedCase;
using stillhouse::testing::Columns;
using stillhouse::testing::Expect;
using stillhouse::testing::ForEachCase;

/// Inputs of a distillation case, and its losses under the names of the file.
template <typename T>
class DistillCase {
 public:
  DistillCase(const CheckedCase& golden, const std::string& teacher, const std::string& temperature)
      : golden_(golden),
        temperature_(golden.Number(temperature)),
        student_(As<T>(golden.Input("student"))),
        teacher_(As<T>(golden.Input(teacher))) {
    if (golden.inputs.count("legal") > 0) legal_ = As<std::uint8_t>(golden.Input("legal"));
    if (golden.inputs.count("weight") > 0) weights_ = As<T>(golden.Input("weight"));
  }

  OutputLoss<T> Compute(LossKind kind, Temper temper, bool tau_squared = false,
                        bool weighted = false) const {
    OutputRows<T> rows{Columns(golden_.Input("student")), student_, teacher_};
    rows.legal = legal_;
    if (weighted) rows.weights = weights_;
    return ComputeOutputLoss(OutputLossTerms{kind, temper, temperature_, tau_squared}, rows);
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

  /// The teacher's probabilities and greedy actions, over legal actions.
  void ExpectTeacher() const {
    const std::size_t actions = Columns(golden_.Input("student"));
    std::vector<T> probabilities(teacher_.size());
    std::vector<T> best;
    for (std::size_t at = 0; at < teacher_.size(); at += actions) {
      const auto row = std::span<const T>(teacher_).subspan(at, actions);
      const auto out = std::span<T>(probabilities).subspan(at, actions);
      const auto legal = std::span<const std::uint8_t>(legal_).subspan(
          legal_.empty() ? 0 : at, legal_.empty() ? 0 : actions);
      LogSoftmax(row, legal, static_cast<T>(temperature_), out);
      for (std::size_t a = 0; a < actions; ++a) {
        out[a] = legal.empty() || legal[a] != 0 ? std::exp(out[a]) : T{0};
      }
      best.push_back(static_cast<T>(GreedyAction(row, legal)));
    }
    Expect(golden_, "teacher_probs", probabilities);
    Expect(golden_, "argmax", best);
  }

  std::size_t Legal() const {
    return static_cast<std::size_t>(std::count(legal_.begin(), legal_.end(), 1));
  }

 private:
  const CheckedCase& golden_;
  const double temperature_;
  const std::vector<T> student_;
  const std::vector<T> teacher_;
  std::vector<T> weights_;
  std::vector<std::uint8_t> legal_;
};

TEST(DistillConformanceTest, KlDivergencesOfTemperedOutputs) {
  ForEachCase("distill_kl", [](const auto& golden, auto type) {
    const DistillCase<decltype(type)> distill(golden, "teacher", "temperature");
    distill.ExpectBothDirections();
    distill.ExpectLoss("soft_cross_entropy",
                       distill.Compute(LossKind::kCrossEntropy, Temper::kBoth));
    distill.ExpectLoss("jensen_shannon", distill.Compute(LossKind::kJs, Temper::kBoth));
  });
}

TEST(DistillConformanceTest, LossesOverLegalActionsOnly) {
  ForEachCase("distill_masked", [](const auto& golden, auto type) {
    using T = decltype(type);
    const DistillCase<T> distill(golden, "teacher", "temperature");
    distill.ExpectBothDirections();
    distill.ExpectLoss("nll", distill.Compute(LossKind::kNll, Temper::kBoth));
    distill.ExpectTeacher();
    // The file divides by the legal entries of the batch, we by its rows.
    const auto rows = golden.Input("student").shape[0];
    Expect(golden, "mse_legal",
           distill.Compute(LossKind::kMse, Temper::kBoth).loss * static_cast<T>(rows) /
               static_cast<T>(distill.Legal()));
  });
}

TEST(DistillConformanceTest, LossesOfQValues) {
  ForEachCase("distill_q", [](const auto& golden, auto type) {
    using T = decltype(type);
    const DistillCase<T> distill(golden, "teacher_q", "tau");
    distill.ExpectLoss("rusu_kl", distill.Compute(LossKind::kKl, Temper::kTeacher));
    distill.ExpectLoss("nll", distill.Compute(LossKind::kNll, Temper::kTeacher));
    auto squared = distill.Compute(LossKind::kMse, Temper::kTeacher);
    distill.ExpectLoss("mse_sum_actions", squared);
    const auto actions = static_cast<T>(Columns(golden.Input("student")));
    squared.loss /= actions;
    for (T& value : squared.gradient) value /= actions;
    distill.ExpectLoss("mse_mean", squared);
    auto huber = distill.Compute(LossKind::kHuber, Temper::kTeacher);
    huber.loss /= actions;
    for (T& value : huber.gradient) value /= actions;
    distill.ExpectLoss("huber_mean", huber);
    distill.ExpectTeacher();
  });
}

template <typename T>
void CheckLabels(const CheckedCase& golden, T) {
  const auto student = As<T>(golden.Input("student"));
  const auto teacher = As<T>(golden.Input("teacher"));
  const auto labels = As<std::int32_t>(golden.Input("label"));
  const auto expect = [&](const std::string& name, const OutputLossTerms& terms) {
    const OutputRows<T> rows{.num_actions = Columns(golden.Input("student")),
                             .student = student,
                             .teacher = teacher,
                             .labels = labels};
    const auto loss = ComputeOutputLoss(terms, rows);
    Expect(golden, name, loss.loss);
    Expect(golden, "grad_" + name, loss.gradient);
  };
  OutputLossTerms terms{.temper = Temper::kBoth, .temperature = golden.Number("temperature")};
  const double alpha = golden.Number("alpha");
  terms.soft_weight = alpha;
  terms.hard_weight = 1 - alpha;
  expect("ce_kd_no_t2", terms);
  terms.tau_squared = true;
  expect("ce_kd", terms);
  terms.soft_weight = 0;
  terms.hard_weight = 1;
  expect("ce", terms);
  expect("ce", OutputLossTerms{.kind = LossKind::kNll});
  terms = {.kind = LossKind::kDkd,
           .temper = Temper::kBoth,
           .temperature = golden.Number("temperature"),
           .tau_squared = true,
           .target_weight = golden.Number("dkd_alpha"),
           .non_target_weight = golden.Number("dkd_beta")};
  expect("dkd", terms);
  terms.tau_squared = false;
  terms.target_weight = 1;
  terms.non_target_weight = 0;
  expect("tckd", terms);
  std::swap(terms.target_weight, terms.non_target_weight);
  expect("nckd", terms);
}

TEST(DistillConformanceTest, LossesWithLabels) {
  ForEachCase("distill_labels", [](const auto& golden, auto type) { CheckLabels(golden, type); });
}

template <typename T>
void CheckMutual(const CheckedCase& golden, T) {
  const auto& shape = golden.Input("students").shape;
  const auto students = As<T>(golden.Input("students"));
  const auto labels = As<std::int32_t>(golden.Input("label"));
  const auto compute = [&](bool tau_squared) {
    return ComputeMutualLoss<T>(static_cast<std::size_t>(shape.at(2)), students,
                                static_cast<std::size_t>(shape.at(0)), labels,
                                golden.Number("temperature"), tau_squared);
  };
  const auto plain = compute(false);
  Expect(golden, "loss", plain.loss);
  Expect(golden, "kl_part", plain.kl_part);
  Expect(golden, "grad", plain.gradient);
  Expect(golden, "grad_t2", compute(true).gradient);
}

template <typename T>
void CheckTeachers(const CheckedCase& golden, T) {
  const auto count = static_cast<std::size_t>(golden.Input("teachers").shape.at(0));
  const std::size_t actions = Columns(golden.Input("student"));
  const auto student = As<T>(golden.Input("student"));
  const auto teachers = As<T>(golden.Input("teachers"));
  const auto weights = As<T>(golden.Input("teacher_weight"));
  const double tau = golden.Number("temperature");
  const auto kl = [&](std::span<const T> teacher) {
    return ComputeOutputLoss(OutputLossTerms{.temper = Temper::kBoth, .temperature = tau},
                             OutputRows<T>{actions, student, teacher});
  };
  const auto expect = [&](const std::string& name, const OutputLoss<T>& loss) {
    Expect(golden, name, loss.loss);
    Expect(golden, "grad_" + name, loss.gradient);
  };
  const auto mixed = MixTeachers<T>(actions, teachers, count, {}, static_cast<T>(tau));
  std::vector<T> probabilities(mixed.size());
  for (std::size_t at = 0; at < mixed.size(); at += actions) {
    LogSoftmax<T>(std::span<const T>(mixed).subspan(at, actions), {}, static_cast<T>(tau),
                  std::span<T>(probabilities).subspan(at, actions));
  }
  for (T& value : probabilities) value = std::exp(value);
  Expect(golden, "mean_probs", probabilities);
  expect("kl_of_mean_probs", kl(mixed));
  expect("kl_of_weighted_probs",
         kl(MixTeachers<T>(actions, teachers, count, weights, static_cast<T>(tau))));
  std::vector<T> mean(student.size());
  OutputLoss<T> sum{0, {}, std::vector<T>(student.size())};
  OutputLoss<T> weighted = sum;
  for (std::size_t k = 0; k < count; ++k) {
    const auto teacher = std::span<const T>(teachers).subspan(k * student.size(), student.size());
    const auto loss = kl(teacher);
    sum.loss += loss.loss / static_cast<T>(count);
    weighted.loss += weights[k] * loss.loss;
    for (std::size_t i = 0; i < student.size(); ++i) {
      mean[i] += teacher[i] / static_cast<T>(count);
      sum.gradient[i] += loss.gradient[i] / static_cast<T>(count);
      weighted.gradient[i] += weights[k] * loss.gradient[i];
    }
  }
  expect("kl_of_mean_logits", kl(mean));
  expect("mean_of_kls", sum);
  expect("weighted_sum_of_kls", weighted);
}

TEST(DistillConformanceTest, SeveralModels) {
  ForEachCase("distill_many", [](const auto& golden, auto type) {
    if (golden.params.at("kind") == "mutual") {
      CheckMutual(golden, type);
    } else {
      CheckTeachers(golden, type);
    }
  });
}

}  // namespace
}  // namespace stillhouse::learner
