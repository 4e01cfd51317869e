// losses/distill_features.json
#include <gtest/gtest.h>

#include "learner/distill/attention_loss.h"
#include "learner/distill/hint_loss.h"
#include "tests/conformance_suite/golden_check.h"

namespace stillhouse::learner {
namespace {

using stillhouse::testing::As;
using stillhouse::testing::CheckedCase;
using stillhouse::testing::Columns;
using stillhouse::testing::Expect;
using stillhouse::testing::ForEachCase;
using stillhouse::testing::GoldenTensor;

template <typename T>
void CheckHint(const CheckedCase& golden, T) {
  const auto student = As<T>(golden.Input("student_features"));
  const auto teacher = As<T>(golden.Input("teacher_features"));
  auto parameters = As<T>(golden.Input("regressor_weight"));
  const std::size_t weights = parameters.size();
  const auto bias = As<T>(golden.Input("regressor_bias"));
  parameters.insert(parameters.end(), bias.begin(), bias.end());
  const FeatureRows<T> rows{{Columns(golden.Input("student_features"))},
                            {Columns(golden.Input("teacher_features"))},
                            student,
                            teacher,
                            parameters};
  Expect(golden, "regressed", Regressed(rows));
  for (const auto& [name, reduction] :
       {std::pair("mse_mean", HintReduction::kMeanOfEntries),
        std::pair("half_sum_per_sample", HintReduction::kHalfSum)}) {
    const std::string key = name;
    const auto loss = HintLoss(rows, reduction);
    const auto split = loss.parameter_gradient.begin() + static_cast<std::ptrdiff_t>(weights);
    Expect(golden, key, loss.loss);
    Expect(golden, "grad_" + key + "_features", loss.gradient);
    Expect(golden, "grad_" + key + "_weight",
           std::vector<T>(loss.parameter_gradient.begin(), split));
    Expect(golden, "grad_" + key + "_bias", std::vector<T>(split, loss.parameter_gradient.end()));
  }
}

FeatureShape MapShape(const GoldenTensor& maps) {
  return {static_cast<std::size_t>(maps.shape.at(1)),
          static_cast<std::size_t>(maps.shape.at(2) * maps.shape.at(3))};
}

template <typename T>
void CheckAttention(const CheckedCase& golden, T) {
  const auto student = As<T>(golden.Input("student_maps"));
  const auto teacher = As<T>(golden.Input("teacher_maps"));
  const FeatureRows<T> rows{MapShape(golden.Input("student_maps")),
                            MapShape(golden.Input("teacher_maps")), student, teacher};
  const auto p = static_cast<T>(golden.Number("p"));
  Expect(golden, "student_map", AttentionMaps<T>(rows.student_shape, student, p));
  Expect(golden, "teacher_map", AttentionMaps<T>(rows.teacher_shape, teacher, p));
  for (const auto& [name, reduction] : {std::pair("mean_square", AttentionReduction::kMeanSquare),
                                        std::pair("l2_per_sample", AttentionReduction::kNorm)}) {
    const std::string key = name;
    const auto loss = AttentionLoss(rows, p, reduction);
    Expect(golden, key, loss.loss);
    Expect(golden, "grad_" + key, loss.gradient);
  }
}

TEST(FeaturesConformanceTest, HintsAndAttentionTransfer) {
  ForEachCase("distill_features", [](const auto& golden, auto type) {
    if (golden.params.at("kind") == "hint") {
      CheckHint(golden, type);
    } else {
      CheckAttention(golden, type);
    }
  });
}

}  // namespace
}  // namespace stillhouse::learner
